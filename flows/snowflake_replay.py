"""Read a past window of an entity again, without moving its watermark. Bronze gets the rows that it lacks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from tasks.errors import DataError, HighwaterError
from tasks.extraction.extraction_page import page, summary
from tasks.extraction.extraction_steps import replay
from tasks.extraction.moments import text_of
from tasks.extraction.source import load
from tasks.runs.business_day import scheduled_today
from tasks.runs.endings import ended_badly, notify_of_refusal, stop_external_jobs
from tasks.runs.run import Run, guarded, record
from tasks.settings import settings


@flow(
    name="snowflake-replay",
    flow_run_name="snowflake-replay {entity} {since} to {until}",
    timeout_seconds=4 * 3600,
    persist_result=True,  # what the run returned can be read from any machine
    on_cancellation=[stop_external_jobs],
    on_crashed=[stop_external_jobs],
    on_failure=[notify_of_refusal],
)
def snowflake_replay(entity: str, since: datetime, until: datetime) -> dict[str, Any] | State[Any]:
    """Extract a past window again. The next run of snowflake-medallion takes the rows on.

    Args:
        entity: The entity, such as orders.
        since: Rows changed after this moment, in UTC.
        until: Rows changed up to this moment, in UTC.
    """
    try:
        source = load(settings().extraction / "shop.yaml")
        (chosen,) = source.chosen([entity])
        if text_of(since) >= text_of(until):
            raise DataError(
                f"the window ends at {until}, which is not after its begin {since}. Nothing was read."
            )
        day = scheduled_today()
        run = Run("snowflake-replay", day, day, {"entity": entity, "since": f"{since}", "until": f"{until}"})
        with guarded(run):
            found = replay(run, source, chosen, since, until)
            page(source, [found], {})
            figures = {"rows_published": found.rows_added, "rows_quarantined": found.rows_quarantined}
            record(run, "COMPLETED", summary([found]), figures)
            return {"summary": summary([found]), **vars(found)}
    except HighwaterError as error:
        return ended_badly(error)
