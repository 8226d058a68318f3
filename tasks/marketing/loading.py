"""Stage what was read, then replace RAW and merge, in one transaction with the quarantine, the checks and the record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from contracts.marketing.clickstream import CLICKSTREAM
from tasks.errors import SystemFault
from tasks.events import log
from tasks.marketing import checks
from tasks.marketing.reading import Judged
from tasks.publishing.quality import Finding
from tasks.runs import monitoring
from tasks.runs.monitoring import PUBLISHED, DatasetRecord
from tasks.runs.run import Run
from tasks.services import objects
from tasks.services.snowflake import execute
from tasks.settings import settings
from tasks.warehouse.warehouse_write import writing
from warehouse import write_lock
from warehouse.load.marketing import events as click_events
from warehouse.load.marketing import figures, profiles, quarantined, raw, staged
from warehouse.statement import Statement

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

FOLDER = "runs/marketing"
"""In the lake bucket. Read once, by the warehouse: the bucket's lifecycle deletes it."""
_STAGINGS = 2


@dataclass(frozen=True)
class Day:
    """What was read of a partition. None: nothing was delivered, and the tables keep what they have."""

    customers: Judged | None
    events: Judged | None

    @property
    def judged(self) -> list[Judged]:
        return [each for each in (self.customers, self.events) if each]


@dataclass
class Loaded:
    """The checks after the merge, and how many deliveries were older ones of an event that the day has twice."""

    findings: list[Finding] = field(default_factory=list)
    superseded: int = 0

    def published(self, judged: Judged) -> int:
        return judged.rows - self.superseded_of(judged)

    def superseded_of(self, judged: Judged) -> int:
        return self.superseded if judged.dataset == CLICKSTREAM.table else 0


def load(connection: SnowflakeConnection, run: Run, day: Day, loaded: Loaded) -> None:
    """Merge a day. Repeating it changes nothing. Raises CriticalCheck, after rolling back, if a check fails; `loaded` has
    the checks also then."""
    _stage(connection, run.run_id, day, loaded)
    checks.require(loaded.findings, run.run_id)
    with writing(connection, f"marketing load of run {run.run_id}", lock=write_lock.MARKETING):
        for statement in _changes(day):
            execute(connection, statement)
        loaded.findings += _after(connection, day)
        checks.require(loaded.findings, run.run_id)
        monitoring.record_datasets(connection, [_record(run, each, loaded) for each in day.judged])
    log("marketing_loaded", run=run.run_id, **{each.dataset: each.rows for each in day.judged})


def _stage(connection: SnowflakeConnection, run_id: str, day: Day, loaded: Loaded) -> None:
    # A name that no other process of the same run takes: what it holds must not change under a COPY.
    folder = f"s3://{settings().lake_bucket}/{FOLDER}/{run_id}/{uuid4().hex}"
    if day.customers:
        files = _uploaded(day.customers, folder)
        _copy(connection, staged.CUSTOMERS, staged.stage_customers(files), day.customers.staged)
        repeated = _count(connection, staged.count_repeated(staged.CUSTOMERS, "customer_id"))
        loaded.findings.append(_equal(day.customers, "staged", repeated, day.customers.repeated))
    if day.events:
        files = _uploaded(day.events, folder)
        _copy(connection, staged.EVENTS, staged.stage_events(files), day.events.staged)
        loaded.superseded = _count(connection, staged.count_repeated(staged.EVENTS, "event_id"))
    rejects = [
        objects.upload(each.rejects.path, f"{folder}/{each.rejects.path.name}")
        for each in day.judged
        if each.quarantined
    ]
    quarantine = quarantined.stage_rejects(rejects)
    _copy(connection, quarantined.STAGED, quarantine, sum(each.quarantined for each in day.judged))


def _uploaded(judged: Judged, folder: str) -> list[str]:
    if not judged.staged:
        return []
    return [objects.upload(judged.rows_file, f"{folder}/{judged.rows_file.name}")]


def _copy(
    connection: SnowflakeConnection, table: str, statements: Sequence[Statement], expected: int
) -> None:
    """Stage files and count their rows. Retries once: a COPY whose response was lost may run twice."""
    arrived = -1
    for _ in range(_STAGINGS):
        for statement in statements:
            execute(connection, statement)
        arrived = _count(connection, staged.count_staged(table))
        if arrived == expected:
            return
    raise SystemFault(
        f"{expected} rows were written for {table}, and {arrived} arrived in the warehouse; nothing was merged. A file was "
        "overwritten or truncated: run again."
    )


def _changes(day: Day) -> list[Statement]:
    changes: list[Statement] = []
    if day.customers:
        changes += [*raw.replace_customers(), *profiles.merge_snapshot()]
    if day.events:
        changes += [*raw.replace_events(), *click_events.merge_events()]
    for judged in day.judged:
        changes += quarantined.replace_rejects(checks.dataset_of(judged.dataset).name, judged.day)
    return changes


def _after(connection: SnowflakeConnection, day: Day) -> list[Finding]:
    """Uniqueness and completeness of what was merged, and the references from events to customers."""
    found = []
    if day.customers:
        repeats = sum(map(int, execute(connection, figures.repeated_customers())))
        found.append(_equal(day.customers, "unique", repeats, 0))
    if day.events:
        delivered, merged = map(int, execute(connection, figures.merged_events()))
        found.append(_equal(day.events, "merged", merged, delivered))
        unknown = _count(connection, figures.events_of_unknown_users())
        dataset, when = day.events.dataset, day.events.day
        # Kept, and counted: the customer may come with a later snapshot.
        found.append(
            Finding(dataset, when, "events_of_unknown_users", unknown, max(delivered, unknown), passed=True)
        )
    return found


def _equal(judged: Judged, metric: str, value: int, expected: int) -> Finding:
    return Finding(judged.dataset, judged.day, metric, value, expected, value == expected)


def _count(connection: SnowflakeConnection, statement: Statement) -> int:
    return int(execute(connection, statement)[0])


def _record(run: Run, judged: Judged, loaded: Loaded) -> DatasetRecord:
    return dataset_record(run, judged, PUBLISHED, loaded.superseded_of(judged))


def dataset_record(run: Run, judged: Judged, status: str, superseded: int = 0) -> DatasetRecord:
    return DatasetRecord(
        run_id=run.run_id,
        flow=run.flow,
        run_date=judged.day,
        dataset=judged.dataset,
        rows_raw=judged.raw,
        rows_published=judged.rows - superseded,
        rows_superseded=superseded,
        rows_quarantined=judged.quarantined,
        status=status,
        started_at=run.started_at,
        ended_at=datetime.now(UTC),
    )
