"""Marketing engagement: a day's snapshot of customers and its events become RAW, customer profiles and click events.

look ─► read demographics, read clickstream (contracts) ─► check ─► load (RAW, DW) ─► checks after the merge ─► marts (dbt)
                                                            └─ a critical check stops here: the tables stay as they are
"""

from __future__ import annotations

import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from prefect import flow, runtime
from prefect.client.schemas.objects import State

from tasks.errors import HighwaterError
from tasks.marketing import marketing_steps as steps
from tasks.marketing.deliveries import Deliveries
from tasks.marketing.loading import Day, Loaded
from tasks.publishing.quality import Finding
from tasks.runs import alerts
from tasks.runs.business_day import scheduled_today
from tasks.runs.endings import ended_badly, notify_of_refusal, stop_external_jobs
from tasks.runs.run import Run, guarded, record
from tasks.runs.run_steps import recorded
from tasks.step import step
from tasks.warehouse.dbt_build import LAYERS


def _day_or_yesterday(run_date: date | None) -> date:
    return run_date or scheduled_today() - timedelta(days=1)


def _run_name() -> str:
    return f"marketing-engagement {_day_or_yesterday(runtime.flow_run.parameters.get('run_date'))}"


@flow(
    name="marketing-engagement",
    flow_run_name=_run_name,
    timeout_seconds=4 * 3600,
    persist_result=True,  # what the run returned can be read from any machine
    on_cancellation=[stop_external_jobs],
    on_crashed=[stop_external_jobs],
    on_failure=[notify_of_refusal],
)
def marketing_engagement(
    run_date: date | None = None, accept_drop: bool = False, build_marts: bool = True
) -> dict[str, Any] | State[Any]:
    """Load a day of customers and events. Running it again is harmless, and the order of the days does not matter.

    Args:
        run_date: The day whose partition is read. Leave empty for yesterday in Asia/Kolkata.
        accept_drop: Load a snapshot although it has less than half the rows of the one before.
        build_marts: Make the engagement marts anew after the load. Of many days, only the last needs it.
    """
    try:
        day = _day_or_yesterday(run_date)
        given = {"run_date": f"{day}", "accept_drop": accept_drop, "build_marts": build_marts}
        run = Run("marketing-engagement", day, day, given)
        with guarded(run), tempfile.TemporaryDirectory() as scratch:
            found = steps.look(day)
            read = read_all(run, found, Path(scratch))
            with recorded(run, "check"):
                before = steps.check(run, read, found.strange, accept_drop)
            loaded = load(run, read)
            steps.conclude(run, before, loaded.findings)
            warnings = steps.warn(run, found, [*before, *loaded.findings])
            if build_marts:
                build_layers(run)
            return finish(run, read, loaded, warnings)
    except HighwaterError as error:
        return ended_badly(error)


def read_all(run: Run, found: Deliveries, scratch: Path) -> Day:
    customers = events = None
    if found.customers:
        with recorded(run, "read demographics") as seen:
            customers = steps.read_customers(run, found.customers, scratch)
            seen.rows = customers.raw
    if found.events:
        with recorded(run, "read clickstream") as seen:
            events = steps.read_events(run, found.events, scratch)
            seen.rows = events.raw
    return Day(customers, events)


def load(run: Run, read: Day) -> Loaded:
    if not read.judged:
        return Loaded()
    with recorded(run, "load") as seen:
        loaded = steps.load(run, read)
        seen.rows = sum(loaded.published(each) for each in read.judged)
    return loaded


def build_layers(run: Run) -> None:
    for layer in LAYERS:
        with recorded(run, f"dbt {layer}"):
            steps.build_layer.with_options(name=f"dbt {layer}")(run, layer)


@step("finish")
def finish(run: Run, read: Day, loaded: Loaded, warnings: list[str]) -> dict[str, Any]:
    customers, events = read.customers, read.events
    told = "; ".join(
        [
            f"{customers.rows:,} customers" if customers else "no snapshot",
            f"{loaded.published(events):,} events" if events else "no events",
            f"{sum(each.quarantined for each in read.judged):,} rows quarantined",
            *([f"{len(warnings)} warnings"] if warnings else []),
        ]
    )
    figures = {
        "rows_raw": sum(each.raw for each in read.judged),
        "rows_published": sum(loaded.published(each) for each in read.judged),
        "rows_superseded": loaded.superseded,
        "rows_quarantined": sum(each.quarantined for each in read.judged),
    }
    record(run, "COMPLETED", told, figures)
    alerts.send("INFO", f"marketing-engagement {run.label}: {told}", run.facts())
    return {"summary": told, "warnings": warnings, **figures, "unknown_users": _unknown(loaded.findings)}


def _unknown(findings: list[Finding]) -> int:
    return int(sum(each.value for each in findings if each.metric == "events_of_unknown_users"))
