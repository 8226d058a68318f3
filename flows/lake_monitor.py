"""The daily look at what is published: is bronze, silver and gold whole, in its ranges, consistent and fresh?

tables of bronze, silver, gold ─► columns, nulls, ranges, freshness (by Iceberg's statistics) ─┬► DQ_RESULTS, CloudWatch
keys of facts ─► referential integrity ────────────────────────────────────────────────────────┘   ─► alert

It changes nothing. If a critical check fails, the run ends Failed. Warnings are sent as an alert.
"""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from pydantic import Field

from contracts.shop import EXTRACTED, GOLD, SILVER
from tasks.errors import DataError, HighwaterError
from tasks.lake import lake_tables
from tasks.medallion import checking
from tasks.medallion.checking import Check
from tasks.medallion.published_checks import Published
from tasks.medallion.references import REFERENCES, Reference, unknown
from tasks.publishing.quality import Finding
from tasks.runs import alerts
from tasks.runs.business_day import scheduled_today
from tasks.runs.endings import ended_badly, notify_of_refusal, stop_external_jobs
from tasks.runs.run import Run, guarded, record
from tasks.step import step

StaleHours = Annotated[float, Field(gt=0, description="hours after which a table counts as stale")]
TABLES = {lake_tables.BRONZE: EXTRACTED, lake_tables.SILVER: SILVER, lake_tables.GOLD: GOLD}


def _run_name() -> str:
    return f"lake-monitor {scheduled_today()}"


@flow(
    name="lake-monitor",
    flow_run_name=_run_name,
    timeout_seconds=3600,
    persist_result=True,  # what the run returned can be read from any machine
    on_cancellation=[stop_external_jobs],
    on_crashed=[stop_external_jobs],
    on_failure=[notify_of_refusal],
)
def lake_monitor(stale_hours: StaleHours = 48) -> dict[str, Any] | State[Any]:
    """Check the published tables of bronze, silver and gold. Changes nothing.

    Args:
        stale_hours: A table that nobody published to for longer is stale, which is a warning. Sundays have no runs.
    """
    try:
        day = scheduled_today()
        run = Run("lake-monitor", day, day, {"stale_hours": stale_hours})
        with guarded(run):
            found = [*look(run, stale_hours), *refer(run)]
            return report(run, found)
    except HighwaterError as error:
        return ended_badly(error)


@step("look at the tables")
def look(run: Run, stale_hours: float) -> list[Check]:
    return [
        check
        for namespace, contracts in TABLES.items()
        for name, contract in contracts.items()
        for check in Published(namespace, name, contract, run.last).checks(stale_hours)
    ]


@step("referential integrity")
def refer(run: Run) -> list[Check]:
    found = [(reference, unknown(reference)) for reference in REFERENCES]
    return [_refers(run, reference, rows) for reference, rows in found if rows is not None]


def _refers(run: Run, reference: Reference, rows: int) -> Check:
    table = f"{reference.namespace}.{reference.table}"
    told = f"not in {reference.namespace}.{reference.to}" if rows else ""
    return Check(Finding(table, run.last, reference.metric, float(rows), 0.0, rows == 0, told), "CRITICAL")


@step("report")
def report(run: Run, found: list[Check]) -> dict[str, Any]:
    """Record every figure, tell of those that failed. Raises DataError for a critical one."""
    checking.record(run, found)
    failed = [check for check in found if not check.finding.passed]
    create_table_artifact(
        key="lake-monitor",
        description=f"{len(found)} checks, {len(failed)} failed.",
        table=[check.row() for check in sorted(found, key=lambda check: check.finding.passed)],
    )
    critical = [str(check.finding) for check in failed if check.level == "CRITICAL"]
    if critical:
        raise DataError(
            f"{len(critical)} critical check(s) of published tables failed: {'; '.join(critical[:20])}. Nothing was "
            "changed. Look into the table's last snapshots; docs/operate.md says how to go back to one."
        )
    if warnings := [str(check.finding) for check in failed]:
        alerts.send("WARNING", f"lake-monitor: {'; '.join(warnings[:20])}", run.facts())
    summary = f"{len(found)} checks, {len(failed)} with a warning"
    record(run, "COMPLETED", summary)
    return {"checks": len(found), "warnings": warnings, "summary": summary}
