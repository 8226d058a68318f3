"""What each run did, kept in MONITORING. A record is merged by its key: writing it again completes it or changes nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from tasks.snowflake import execute
from warehouse.records import merge_rows_text
from warehouse.statement import Statement

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection


# Flattening copies the whole array beside each of its rows, so its cost grows with the square of their number.
_ROWS_A_STATEMENT = 200


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


Record = RunRecord | DatasetRecord | QualityRecord | DriftRecord


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
    DriftRecord: _Table("MONITORING.MODEL_DRIFT", ("run_id", "metric", "feature")),
}
_TYPES = {"run_date": "DATE", "started_at": "TIMESTAMP_NTZ", "ended_at": "TIMESTAMP_NTZ", "passed": "BOOLEAN"}
_TYPES |= {"check_date": "DATE", "drifted": "BOOLEAN", "rows_compared": "BIGINT"}
_TYPES |= dict.fromkeys(("value", "threshold"), "DOUBLE")
_TYPES |= dict.fromkeys(("rows_raw", "rows_published", "rows_superseded", "rows_quarantined"), "BIGINT")


def record_run(connection: SnowflakeConnection, record: RunRecord) -> None:
    """Called when a run starts and when it ends: the second call completes the first one's row."""
    _merge(connection, [record])


def record_end(
    connection: SnowflakeConnection, run_id: str, status: str, message: str, jobs: Sequence[str]
) -> None:
    """How a run ended that could not record it itself. One that did is left as it is."""
    ended_at = _bound(datetime.now(UTC))
    execute(
        connection,
        Statement(
            f"recording the end of run {run_id}",
            "UPDATE MONITORING.PIPELINE_RUNS SET status = %s, message = %s, ended_at = %s::TIMESTAMP_NTZ,"
            " external_job_ids = COALESCE(%s, external_job_ids) WHERE run_id = %s AND status = 'RUNNING'",
            (status, message, ended_at, json.dumps(list(jobs)) if jobs else None, run_id),
        ),
    )


def record_datasets(connection: SnowflakeConnection, records: Sequence[DatasetRecord]) -> None:
    _merge(connection, records)


def record_quality(connection: SnowflakeConnection, records: Sequence[QualityRecord]) -> None:
    _merge(connection, records)


def record_drift(connection: SnowflakeConnection, records: Sequence[DriftRecord]) -> None:
    _merge(connection, records)


def _merge(connection: SnowflakeConnection, records: Sequence[Record]) -> None:
    """A backfill of years has tens of thousands of figures: too many for the text of one statement."""
    for start in range(0, len(records), _ROWS_A_STATEMENT):
        execute(connection, merge_statement(records[start : start + _ROWS_A_STATEMENT]))


def merge_statement(records: Sequence[Record]) -> Statement:
    """Of two records with the same key the later one counts: Snowflake refuses a source with a key twice."""
    table = _TABLES[type(records[0])]
    types = {field.name: _TYPES.get(field.name, "VARCHAR") for field in fields(records[0])}
    newest = {tuple(getattr(record, part) for part in table.key): record for record in records}
    rows = [{name: _bound(getattr(record, name)) for name in types} for record in newest.values()]
    return Statement(
        f"recording in {table.name}",
        merge_rows_text(table.name, types, table.key, table.kept),
        (json.dumps(rows, default=str),),
    )


def _bound(value: Any) -> Any:
    """Times are stored without a zone, in UTC; a naive one would be some machine's local time."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone: which moment is meant?")
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")
    if isinstance(value, (Mapping, list, tuple)):
        return json.dumps(value, default=str, sort_keys=True)
    return value
