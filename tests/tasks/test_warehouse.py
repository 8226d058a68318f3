"""Statements sent and results read, without a server; tests/warehouse runs them on the stand-in."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from tasks import monitoring, warehouse
from tasks.lake import Published
from tasks.monitoring import QualityRecord, RunRecord
from tasks.warehouse import LoadedSnapshot, LoadResult
from warehouse.statement import Statement

DAY = date(2025, 1, 5)


def test_a_load_runs_every_statement_in_order_and_reports_the_merge(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    answers = {"merge": (5, 2), "count staged rows": (9,)}

    def execute(_: Any, statement: Statement) -> tuple[Any, ...]:
        ran.append(statement.step)
        return answers.get(statement.step, ("ok",))

    monkeypatch.setattr(warehouse, "execute", execute)
    result = warehouse.load(None, "geography", ["s3://lake/a.parquet"], 7, 3, "run")  # type: ignore[arg-type]

    assert result == LoadResult(rows_staged=9, rows_inserted=5, rows_updated=2)
    assert ran == ["create staging table", "copy files, part 1 of 1", "merge", "record", "count staged rows"]


def test_catching_up_replays_what_came_after_the_last_load(monkeypatch: pytest.MonkeyPatch) -> None:
    log = [
        Published(
            30,
            3,
            ("s3://lake/a.parquet",),
            (DAY,),
            {"sightings": "s3://lake/q1.parquet,s3://lake/q2.parquet"},
        ),
        Published(40, 4, (), (date(2025, 1, 12),), {"sightings": ""}),
    ]
    asked: list[int | None] = []
    loads: list[tuple[Any, ...]] = []
    monkeypatch.setattr(warehouse.lake, "load", lambda *_: "table")
    monkeypatch.setattr(warehouse.lake, "log_after", lambda _, loaded: asked.append(loaded) or log)
    monkeypatch.setattr(warehouse, "last_loaded", lambda *_: LoadedSnapshot(20, 2))
    monkeypatch.setattr(warehouse, "load", lambda _, *given, **named: loads.append((*given, named)))

    assert warehouse.catch_up(None, "promotions", "run") == 2  # type: ignore[arg-type]
    assert asked == [20]
    assert [load[:5] for load in loads] == [
        ("promotions", ("s3://lake/a.parquet",), 30, 3, "run"),
        ("promotions", (), 40, 4, "run"),
    ]
    assert loads[0][5] == {
        "promotion_snapshots": (DAY,),
        "sighting_files": ["s3://lake/q1.parquet", "s3://lake/q2.parquet"],
    }
    assert loads[1][5] == {"promotion_snapshots": (date(2025, 1, 12),), "sighting_files": []}


def test_masters_are_loaded_first() -> None:
    assert warehouse.in_load_order(["sales", "market", "customer", "sku"]) == [
        "sku",
        "customer",
        "sales",
        "market",
    ]


def test_records_go_in_one_statement_with_bound_values() -> None:
    statement = monitoring.merge_statement(
        [
            QualityRecord("r1", DAY, "sales", "row_count", 9, None, False),
            QualityRecord("r1", DAY, "sku", "row_count", 3, 1, True),
            QualityRecord("r1", DAY, "sales", "row_count", 10, 1, True),
        ]
    )
    assert (
        statement.sql
        == """MERGE INTO MONITORING.DQ_RESULTS tgt
USING (
    SELECT column1::VARCHAR AS run_id, column2::DATE AS run_date, column3::VARCHAR AS dataset, \
column4::VARCHAR AS metric, column5::DOUBLE AS value, column6::DOUBLE AS threshold, column7::BOOLEAN AS passed
    FROM VALUES (%s, %s, %s, %s, %s, %s, %s), (%s, %s, %s, %s, %s, %s, %s)
) src
ON tgt.run_id = src.run_id AND tgt.dataset = src.dataset AND tgt.metric = src.metric
WHEN MATCHED THEN UPDATE SET run_date = src.run_date, value = src.value, threshold = src.threshold, passed = src.passed
WHEN NOT MATCHED THEN INSERT (run_id, run_date, dataset, metric, value, threshold, passed)
VALUES (src.run_id, src.run_date, src.dataset, src.metric, src.value, src.threshold, src.passed)"""
    )
    assert statement.parameters == (
        *("r1", DAY, "sales", "row_count", 10, 1, True),
        *("r1", DAY, "sku", "row_count", 3, 1, True),
    )


def test_times_are_kept_in_utc() -> None:
    started = datetime.fromisoformat("2025-01-06T02:00:00+05:30")
    record = RunRecord(
        "r1", "f", DAY, {}, "RUNNING", started_at=started, ended_at=datetime(2025, 1, 6, tzinfo=UTC)
    )
    assert datetime(2025, 1, 5, 20, 30) in monitoring.merge_statement([record]).parameters
    assert datetime(2025, 1, 6) in monitoring.merge_statement([record]).parameters


def test_a_time_without_a_zone_is_refused() -> None:
    record = RunRecord("r1", "f", DAY, {}, "RUNNING", started_at=datetime(2025, 1, 6))
    with pytest.raises(ValueError, match="no time zone"):
        monitoring.merge_statement([record])
