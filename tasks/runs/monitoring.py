"""Record each run in MONITORING. Records are merged by key, so writing one again completes it or changes nothing."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.services import objects
from tasks.services.snowflake import execute
from tasks.settings import settings
from warehouse.load.staging import stage
from warehouse.records import bound_rows, staged_rows, upsert_text, utc
from warehouse.statement import Kind, Statement

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection


RECORDS = "runs/records"
PUBLISHED, UNCHANGED, JUDGED, REJECTED = "published", "unchanged", "judged", "rejected"
# Flattening copies the whole array beside each of its rows, so its cost grows with the square of their number.
_MOST_BY_VALUE = 200
_STAGING = "CURATED.RECORDS_STAGE"


@dataclass(frozen=True)
class RunRecord:
    run_id: str
    flow: str
    run_date: date | None
    parameters: Mapping[str, Any]
    status: str
    rows_raw: int | None = None
    rows_published: int | None = None
    rows_superseded: int | None = None
    rows_quarantined: int | None = None
    external_job_ids: Sequence[str] | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    message: str | None = None


@dataclass(frozen=True)
class DatasetRecord:
    """The rows of a dataset's raw date: raw = published + superseded + quarantined, however the run ends.

    The status tells whether `rows_published` are visible: for `published`, and for `unchanged` (an earlier run
    published the same files). `judged` passed the audit and has not been published; it stays so if the run dies. A
    `rejected` run published nothing of any dataset: its figure is what it would have published.
    """

    run_id: str
    flow: str
    run_date: date | None
    dataset: str
    rows_raw: int | None
    rows_published: int | None
    rows_superseded: int | None
    rows_quarantined: int | None
    status: str
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True)
class QualityRecord:
    run_id: str
    run_date: date | None
    dataset: str
    metric: str
    value: float | None
    threshold: float | None
    passed: bool
    level: str | None = None


@dataclass(frozen=True)
class StepRecord:
    """A step of a run. `error` is for people: of failures that we do not understand it has the type alone."""

    run_id: str
    flow: str
    run_date: date | None
    step: str
    status: str
    row_count: int | None
    seconds: float
    error: str | None
    started_at: datetime
    ended_at: datetime


@dataclass(frozen=True)
class DriftRecord:
    run_id: str
    check_date: date
    model_version: str
    metric: str
    feature: str
    value: float | None
    threshold: float
    drifted: bool
    rows_compared: int


Record = RunRecord | DatasetRecord | QualityRecord | StepRecord | DriftRecord


@dataclass(frozen=True)
class _Table:
    name: str
    key: tuple[str, ...]
    kept: tuple[str, ...] = ()  # a later record that does not say them leaves them as they were


_TABLES: Mapping[type[Record], _Table] = {
    RunRecord: _Table(
        "MONITORING.PIPELINE_RUNS",
        ("run_id",),
        (
            "rows_raw",
            "rows_published",
            "rows_superseded",
            "rows_quarantined",
            "external_job_ids",
            "started_at",
        ),
    ),
    DatasetRecord: _Table("MONITORING.RUN_DATASETS", ("run_id", "run_date", "dataset")),
    QualityRecord: _Table("MONITORING.DQ_RESULTS", ("run_id", "run_date", "dataset", "metric")),
    StepRecord: _Table("MONITORING.RUN_STEPS", ("run_id", "step")),
    DriftRecord: _Table("MONITORING.MODEL_DRIFT", ("run_id", "metric", "feature")),
}
_TYPES = {"run_date": "DATE", "started_at": "TIMESTAMP_NTZ", "ended_at": "TIMESTAMP_NTZ", "passed": "BOOLEAN"}
_TYPES |= {"check_date": "DATE", "drifted": "BOOLEAN", "rows_compared": "BIGINT"}
_TYPES |= dict.fromkeys(("value", "threshold", "seconds"), "DOUBLE") | {"row_count": "BIGINT"}
_TYPES |= dict.fromkeys(("rows_raw", "rows_published", "rows_superseded", "rows_quarantined"), "BIGINT")

_ARROW = {
    "VARCHAR": pa.string(),
    "DATE": pa.date32(),
    "TIMESTAMP_NTZ": pa.timestamp("us"),
    "BOOLEAN": pa.bool_(),
    "DOUBLE": pa.float64(),
    "BIGINT": pa.int64(),
}


def record_run(connection: SnowflakeConnection, record: RunRecord) -> None:
    """Record a run at its start and at its end. The second call completes the row of the first."""
    _merge(connection, [record])


def record_end(
    connection: SnowflakeConnection, run_id: str, status: str, message: str, jobs: Sequence[str]
) -> None:
    """Record the end of a run that could not do so itself. A row that is complete stays as it is."""
    ended_at = _bound(datetime.now(UTC))
    execute(
        connection,
        Statement(
            f"recording the end of run {run_id}",
            "UPDATE MONITORING.PIPELINE_RUNS SET status = %s, message = %s, ended_at = %s::TIMESTAMP_NTZ,"
            " external_job_ids = COALESCE(%s, external_job_ids) WHERE run_id = %s AND status = 'RUNNING'",
            (status, message, ended_at, json.dumps(list(jobs)) if jobs else None, run_id),
            kind=Kind.QUICK,
        ),
    )


def record_datasets(connection: SnowflakeConnection, records: Sequence[DatasetRecord]) -> None:
    _merge(connection, records)


def record_quality(connection: SnowflakeConnection, records: Sequence[QualityRecord]) -> None:
    _merge(connection, records)


def record_step(connection: SnowflakeConnection, record: StepRecord) -> None:
    _merge(connection, [record])


def record_drift(connection: SnowflakeConnection, records: Sequence[DriftRecord]) -> None:
    _merge(connection, records)


def _merge(connection: SnowflakeConnection, records: Sequence[Record]) -> None:
    for statement in _statements(records) if records else ():
        execute(connection, statement)


def _statements(records: Sequence[Record]) -> list[Statement]:
    """The statements that merge records. A backfill of years has tens of thousands, so they are loaded from a file."""
    return [merge_statement(records)] if len(records) <= _MOST_BY_VALUE else staged_statements(records)


def merge_statement(records: Sequence[Record]) -> Statement:
    table, types = _TABLES[type(records[0])], _types(records)
    rows = [{name: _bound(value) for name, value in row.items()} for row in _newest(records, table.key)]
    return Statement(
        f"recording in {table.name}",
        upsert_text(table.name, list(types), table.key, bound_rows(types), table.kept),
        (json.dumps(rows, default=str),),
        kind=Kind.QUICK,
    )


def staged_statements(records: Sequence[Record]) -> list[Statement]:
    """The statements that load a file of records. It is named by its content, so a retry writes the same one."""
    table, types = _TABLES[type(records[0])], _types(records)
    schema = pa.schema([(name, _ARROW[kind]) for name, kind in types.items()])
    rows = [
        {name: utc(value) if isinstance(value, datetime) else _bound(value) for name, value in row.items()}
        for row in _newest(records, table.key)
    ]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema), buffer)
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()[:24]
    file = objects.write(f"s3://{settings().lake_bucket}/{RECORDS}/{digest}.parquet", buffer.getvalue())
    merge = upsert_text(table.name, list(types), table.key, staged_rows(types, _STAGING), table.kept)
    return [*stage(_STAGING, types, [file]), Statement(f"recording in {table.name}", merge)]


def _types(records: Sequence[Record]) -> dict[str, str]:
    return {field.name: _TYPES.get(field.name, "VARCHAR") for field in fields(records[0])}


def _newest(records: Sequence[Record], key: tuple[str, ...]) -> list[dict[str, Any]]:
    """The last record of each key, because Snowflake refuses a MERGE source with duplicate keys."""
    newest = {tuple(getattr(record, part) for part in key): record for record in records}
    return [vars(record) for record in newest.values()]


def _bound(value: Any) -> Any:
    if isinstance(value, datetime):
        return utc(value).isoformat(sep=" ")
    if isinstance(value, (Mapping, list, tuple)):
        return json.dumps(value, default=str, sort_keys=True)
    return value
