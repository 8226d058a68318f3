"""The Snowflake medallion: what changed in a Snowflake source comes into the lake, as it was.

entities ─► extract (window by watermark ─► bronze, quarantine ─► watermark) ─► finish

An entity that fails does not keep the others. Its watermark stays where it was, and the next run tries again.
"""

from __future__ import annotations

from typing import Any

from prefect import flow, runtime
from prefect.client.schemas.objects import State

from tasks.errors import HighwaterError
from tasks.extraction.extraction_page import page, summary
from tasks.extraction.extraction_steps import attempted
from tasks.extraction.scanning import Extracted
from tasks.extraction.source import Source, load
from tasks.runs import alerts
from tasks.runs.business_day import scheduled_today
from tasks.runs.endings import ended_badly, notify_of_refusal, stop_external_jobs
from tasks.runs.run import Run, guarded, record
from tasks.settings import settings
from tasks.step import step


def _run_name() -> str:
    entities = runtime.flow_run.parameters.get("entities")
    return f"snowflake-medallion {', '.join(entities) if entities else 'all entities'}"


@flow(
    name="snowflake-medallion",
    flow_run_name=_run_name,
    timeout_seconds=4 * 3600,
    persist_result=True,  # what the run returned can be read from any machine
    on_cancellation=[stop_external_jobs],
    on_crashed=[stop_external_jobs],
    on_failure=[notify_of_refusal],
)
def snowflake_medallion(
    entities: list[str] | None = None, overrides: dict[str, dict[str, Any]] | None = None
) -> dict[str, Any] | State[Any]:
    """Extract what changed in the source since the last run. Running it again is harmless.

    Args:
        entities: The entities to extract, such as orders. Leave empty for all.
        overrides: Settings of single entities in place of those in deployments/extraction/shop.yaml, such as
            {"orders": {"batches_max": 1}}.
    """
    try:
        source = load(settings().extraction / "shop.yaml", overrides)
        chosen = source.chosen(entities)
        day = scheduled_today()
        run = Run("snowflake-medallion", day, day, {"entities": entities, "overrides": overrides})
        with guarded(run):
            ended = {entity.name: attempted(run, source, entity) for entity in chosen}
            failed = {name: each for name, each in ended.items() if isinstance(each, HighwaterError)}
            found = [each for each in ended.values() if isinstance(each, Extracted)]
            done = finish(run, source, found, {name: str(each) for name, each in failed.items()})
            if failed:
                raise _worst(list(failed.values()), done["summary"])
            return done
    except HighwaterError as error:
        return ended_badly(error)


def _worst(failures: list[HighwaterError], told: str) -> HighwaterError:
    """One error for all: of the kind of the gravest."""
    order = {"CRITICAL": 0, "HIGH": 1}
    worst = min(failures, key=lambda error: order.get(error.severity, 2))
    return type(worst)(f"{' | '.join(map(str, failures))} Of the other entities: {told}.")


@step("finish")
def finish(run: Run, source: Source, found: list[Extracted], failed: dict[str, str]) -> dict[str, Any]:
    told = summary(found)
    figures = {
        "rows_raw": sum(each.rows_added + each.rows_quarantined for each in found),
        "rows_published": sum(each.rows_added for each in found),
        "rows_superseded": 0,
        "rows_quarantined": sum(each.rows_quarantined for each in found),
    }
    page(source, found, failed)
    notes = [f"{each.entity}: {note}" for each in found for note in each.notes]
    if not failed:
        record(run, "COMPLETED", "; ".join([told, *notes]), figures)
        alerts.send("INFO", f"snowflake-medallion: {told}", run.facts())
    return {
        "summary": told,
        "notes": notes,
        **figures,
        "entities": {each.entity: vars(each) for each in found},
    }
