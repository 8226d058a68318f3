"""Compare a Snowflake source with bronze, and put into bronze what no watermark finds.

entities ─► checksums of both sides ─► the buckets that differ, row by row ─► tombstones, rows ─► finish

An entity that fails does not stop the others. The watermarks stay; silver and gold are the next medallion run's.
"""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow, runtime
from prefect.client.schemas.objects import State
from pydantic import Field

from tasks.errors import HighwaterError, Severity
from tasks.extraction.extraction_steps import worst
from tasks.extraction.reconcile_page import page, summary
from tasks.extraction.reconcile_steps import attempted
from tasks.extraction.reconciling import Reconciled
from tasks.extraction.source import Source, load
from tasks.runs import alerts
from tasks.runs.business_day import scheduled_today
from tasks.runs.endings import ended_badly, notify_of_refusal, stop_external_jobs
from tasks.runs.run import Run, guarded, record
from tasks.settings import settings
from tasks.step import step

Share = Annotated[float, Field(ge=0, le=1, description="share of an entity's keys")]


def _run_name() -> str:
    entities = runtime.flow_run.parameters.get("entities")
    return f"snowflake-reconcile {', '.join(entities) if entities else 'all entities'}"


@flow(
    name="snowflake-reconcile",
    flow_run_name=_run_name,
    timeout_seconds=8 * 3600,
    persist_result=True,  # what the run returned can be read from any machine
    on_cancellation=[stop_external_jobs],
    on_crashed=[stop_external_jobs],
    on_failure=[notify_of_refusal],
)
def snowflake_reconcile(
    entities: list[str] | None = None, tombstones_max_share: Share = 0.1
) -> dict[str, Any] | State[Any]:
    """Find rows that no watermark finds: committed too late, changed in silence, deleted for good. Repeatable.

    Args:
        entities: The entities to compare, such as orders. Leave empty for all.
        tombstones_max_share: If a larger share of an entity's keys is gone from the source, nothing is written, as the
            source may be incomplete. From 0 to 1.
    """
    try:
        source = load(settings().extraction / "shop.yaml")
        chosen = source.chosen(entities)
        day = scheduled_today()
        parameters = {"entities": entities, "tombstones_max_share": tombstones_max_share}
        run = Run("snowflake-reconcile", day, day, parameters)
        with guarded(run):
            ended = {each.name: attempted(run, source, each, tombstones_max_share) for each in chosen}
            failed = {name: each for name, each in ended.items() if isinstance(each, HighwaterError)}
            found = [each for each in ended.values() if isinstance(each, Reconciled)]
            done = finish(run, source, found, {name: str(each) for name, each in failed.items()})
            if failed:
                raise worst(list(failed.values()), done["summary"])
            return done
    except HighwaterError as error:
        return ended_badly(error)


@step("finish")
def finish(run: Run, source: Source, found: list[Reconciled], failed: dict[str, str]) -> dict[str, Any]:
    told = summary(found)
    figures = {
        "rows_raw": sum(each.rows_source for each in found),
        "rows_published": sum(each.rows_added + each.tombstones for each in found),
        "rows_superseded": 0,
        "rows_quarantined": sum(each.rows_quarantined for each in found),
    }
    page(source, found, failed)
    notes = [f"{each.entity}: {note}" for each in found for note in each.notes]
    if not failed:
        record(run, "COMPLETED", "; ".join([told, *notes]), figures)
        severity: Severity = "WARNING" if any(each.differences for each in found) else "INFO"
        alerts.send(severity, f"snowflake-reconcile: {told}", run.facts())
    return {
        "summary": told,
        "notes": notes,
        **figures,
        "entities": {each.entity: {**vars(each), "differences": each.differences} for each in found},
    }
