"""The steps of a run of marketing engagement. Each may die at any instant and be repeated by any run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.marketing import checks, loading, marketing_page
from tasks.marketing import deliveries as delivered
from tasks.marketing.checks import CriticalCheck
from tasks.marketing.deliveries import Deliveries
from tasks.marketing.forms import CUSTOMERS, EVENTS
from tasks.marketing.loading import Day, Loaded
from tasks.marketing.reading import Judged
from tasks.marketing.reading import read as read_files
from tasks.publishing import quality
from tasks.publishing.quality import Finding
from tasks.runs import alerts, monitoring
from tasks.runs.monitoring import REJECTED, QualityRecord
from tasks.runs.run import Run
from tasks.services import secrets
from tasks.services.objects import Found
from tasks.services.snowflake import execute
from tasks.settings import settings
from tasks.step import step
from tasks.warehouse import dbt_build
from warehouse.load.marketing import figures

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection


@step("look for deliveries")
def look(day: date) -> Deliveries:
    return delivered.deliveries(day)


@step("read demographics", persist_result=False)
def read_customers(run: Run, files: Sequence[Found], scratch: Path) -> Judged:
    key = secrets.text(settings().hash_secret, "the key for hashes of personal data")
    return read_files(CUSTOMERS, files, run.first, run.run_id, key.strip().encode(), scratch)


@step("read clickstream", persist_result=False)
def read_events(run: Run, files: Sequence[Found], scratch: Path) -> Judged:
    return read_files(EVENTS, files, run.first, run.run_id, b"", scratch)


@step("check deliveries", persist_result=False)
def check(run: Run, day: Day, strange: Sequence[str], accept_drop: bool) -> list[Finding]:
    """Judge what was read. Raises CriticalCheck if nothing may be merged, after the figures are on record."""
    findings: list[Finding] = []
    with run.session("check deliveries") as connection:
        for judged in day.judged:
            before = execute(connection, figures.rows_before(run.flow, judged.dataset, judged.day))
            findings += checks.of_files(judged, int(before[0]) if before else None, accept_drop)
        _record(run, connection, findings)
        marketing_page.files_page(day, strange)
        try:
            checks.require(findings, run.run_id)
        except CriticalCheck:
            _record_rejection(run, connection, day)
            marketing_page.checks_page(findings)
            raise
    return findings


@step("load", persist_result=False)
def load(run: Run, day: Day) -> Loaded:
    loaded = Loaded()
    with run.session("load") as connection:
        try:
            loading.load(connection, run, day, loaded)
        except CriticalCheck:
            _record(run, connection, loaded.findings)
            _record_rejection(run, connection, day)
            raise
    return loaded


@step("record checks", persist_result=False)
def conclude(run: Run, before: Sequence[Finding], after: Sequence[Finding]) -> None:
    with run.session("record checks") as connection:
        _record(run, connection, after)
    marketing_page.checks_page([*before, *after])


@step("dbt", persist_result=False)
def build_layer(run: Run, layer: str) -> None:
    nodes = dbt_build.build(run, layer, dbt_build.page)
    with run.session(f"record dbt {layer}") as connection:
        monitoring.record_quality(connection, dbt_build.checks(run, nodes))
    dbt_build.require_passed(layer, nodes)


@step("warn", persist_result=False)
def warn(run: Run, found: Deliveries, findings: Iterable[Finding]) -> list[str]:
    """Tell people once of what is missing or suspicious. Returns what they were told."""
    told = [f"nothing was delivered under {place}: the tables keep what they have" for place in found.missing]
    told += [str(finding) for finding in checks.suspicious(findings)]
    if found.strange:
        told.append(
            f"{len(found.strange)} files were not read, such as {found.strange[0]}: their names end in no known way"
        )
    if told:
        alerts.send_once(f"marketing-warning/{run.run_id}", "WARNING", "\n".join(told), run.facts())
    return told


def _record_rejection(run: Run, connection: SnowflakeConnection, day: Day) -> None:
    rejected = [loading.dataset_record(run, each, REJECTED) for each in day.judged]
    monitoring.record_datasets(connection, rejected)


def _record(run: Run, connection: SnowflakeConnection, findings: Sequence[Finding]) -> None:
    records = [
        QualityRecord(run.run_id, f.run_date, f.dataset, f.metric, f.value, f.threshold, f.passed)
        for f in findings
    ]
    monitoring.record_quality(connection, records)
    quality.emit(findings)
