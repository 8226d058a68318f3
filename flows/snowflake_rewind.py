"""Set an entity's watermark back, so that the next run reads again what is later. The history of watermarks is kept."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from tasks.errors import DataError, HighwaterError
from tasks.extraction.extraction_steps import rewind
from tasks.extraction.moments import text_of
from tasks.extraction.source import load
from tasks.runs import alerts
from tasks.runs.business_day import scheduled_today
from tasks.runs.endings import ended_badly, notify_of_refusal, stop_external_jobs
from tasks.runs.run import Run, guarded, record
from tasks.settings import settings


@flow(
    name="snowflake-rewind",
    flow_run_name="snowflake-rewind {entity} to {to}",
    timeout_seconds=3600,
    persist_result=True,  # what the run returned can be read from any machine
    on_cancellation=[stop_external_jobs],
    on_crashed=[stop_external_jobs],
    on_failure=[notify_of_refusal],
)
def snowflake_rewind(entity: str, to: datetime, reason: str) -> dict[str, Any] | State[Any]:
    """Set the watermark of an entity back.

    Args:
        entity: The entity, such as orders.
        to: The new watermark, in UTC. It must be before the present one.
        reason: Why, for the history.
    """
    try:
        source = load(settings().extraction / "shop.yaml")
        (chosen,) = source.chosen([entity])
        wanted = text_of(to)
        if not reason.strip():
            raise DataError(f"a rewind of {entity} needs a reason, for the history. Nothing was changed.")
        day = scheduled_today()
        run = Run("snowflake-rewind", day, day, {"entity": entity, "to": wanted, "reason": reason})
        with guarded(run):
            before = rewind(run, source, chosen, to, reason)
            told = f"the watermark of {entity} was set back from {before} to {wanted}: {reason}"
            record(run, "COMPLETED", told)
            alerts.send("INFO", f"snowflake-rewind: {told}", run.facts())
            return {"summary": told, "before": before, "watermark": wanted}
    except HighwaterError as error:
        return ended_badly(error)
