"""Statements sent and results read, without a server; tests/warehouse runs them on the stand-in."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from tasks.errors import StaleResult, TransientError
from tasks.lake.lake_log import Published
from tasks.runs import monitoring
from tasks.runs.monitoring import QualityRecord, RunRecord
from tasks.warehouse import warehouse_load
from tasks.warehouse.warehouse_load import LoadedSnapshot

DAY = date(2025, 1, 5)


def test_catching_up_replays_what_came_after_the_last_load(monkeypatch: pytest.MonkeyPatch) -> None:
    log = [
        Published(30, 3, ("s3://lake/a.parquet",), (DAY,), {}, 5),
        Published(40, 4, (), (date(2025, 1, 12),), {}, 0),
    ]
    heads = [LoadedSnapshot(20, 2), LoadedSnapshot(40, 4)]
    asked: list[int | None] = []
    loads: list[tuple[Any, ...]] = []
    monkeypatch.setattr(warehouse_load.lake_tables, "load", lambda *_: "table")
    monkeypatch.setattr(warehouse_load.lake_log, "log_after", lambda _, loaded: asked.append(loaded) or log)
    monkeypatch.setattr(warehouse_load, "last_loaded", lambda *_: heads.pop(0))
    monkeypatch.setattr(warehouse_load, "load", lambda _, *given, after: loads.append((*given, after)))

    assert warehouse_load.catch_up(None, "promotions", "run") == 2  # type: ignore[arg-type]
    assert asked == [20]
    assert loads == [
        ("promotions", log[0], "run", LoadedSnapshot(20, 2)),
        ("promotions", log[1], "run", LoadedSnapshot(30, 3)),
    ]


def test_a_run_that_is_always_outrun_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []

    def outrun(*_: Any, **__: Any) -> None:
        looks.append(1)
        raise StaleResult("sku: another")

    monkeypatch.setattr(warehouse_load.lake_tables, "load", lambda *_: "table")
    monkeypatch.setattr(warehouse_load.lake_log, "log_after", lambda *_: [Published(1, 1, (), (), {}, 0)])
    monkeypatch.setattr(warehouse_load, "last_loaded", lambda *_: None)
    monkeypatch.setattr(warehouse_load, "load", outrun)
    with pytest.raises(TransientError, match="other runs loaded it every time run r tried to"):
        warehouse_load.catch_up(None, "sku", "r")  # type: ignore[arg-type]
    assert len(looks) == 10


def test_masters_are_loaded_first() -> None:
    assert warehouse_load.in_load_order(["sales", "market", "customer", "sku"])[:2] == ["sku", "customer"]


def test_records_go_in_one_statement_with_bound_values() -> None:
    statement = monitoring.merge_statement(
        [
            QualityRecord("r1", DAY, "sales", "row_count", 9, None, False),
            QualityRecord("r1", DAY, "sku", "row_count", 3, 1, True),
            QualityRecord("r1", DAY, "sales", "row_count", 10, 1, True, "CRITICAL"),
        ]
    )
    assert (
        statement.sql
        == """MERGE INTO MONITORING.DQ_RESULTS tgt
USING (
    SELECT item.value:run_id::VARCHAR AS run_id, item.value:run_date::DATE AS run_date, \
item.value:dataset::VARCHAR AS dataset, item.value:metric::VARCHAR AS metric, item.value:value::DOUBLE AS value, \
item.value:threshold::DOUBLE AS threshold, item.value:passed::BOOLEAN AS passed, item.value:level::VARCHAR AS level
    FROM (SELECT PARSE_JSON(%s) AS items) given, LATERAL FLATTEN(INPUT => given.items) item
) src
ON tgt.run_id = src.run_id AND tgt.run_date = src.run_date AND tgt.dataset = src.dataset AND tgt.metric = src.metric
WHEN MATCHED THEN UPDATE SET value = src.value, threshold = src.threshold, passed = src.passed, level = src.level
WHEN NOT MATCHED THEN INSERT (run_id, run_date, dataset, metric, value, threshold, passed, level)
VALUES (src.run_id, src.run_date, src.dataset, src.metric, src.value, src.threshold, src.passed, src.level)"""
    )
    (rows,) = statement.parameters
    assert [list(row.values()) for row in json.loads(rows)] == [
        ["r1", str(DAY), "sales", "row_count", 10, 1, True, "CRITICAL"],
        ["r1", str(DAY), "sku", "row_count", 3, 1, True, None],
    ]


def test_times_are_kept_in_utc() -> None:
    started = datetime.fromisoformat("2025-01-06T02:00:00+05:30")
    record = RunRecord(
        "r1", "f", DAY, {}, "RUNNING", started_at=started, ended_at=datetime(2025, 1, 6, tzinfo=UTC)
    )
    (row,) = json.loads(monitoring.merge_statement([record]).parameters[0])
    assert (row["started_at"], row["ended_at"]) == ("2025-01-05 20:30:00", "2025-01-06 00:00:00")


def test_a_time_without_a_zone_is_refused() -> None:
    record = RunRecord("r1", "f", DAY, {}, "RUNNING", started_at=datetime(2025, 1, 6))
    with pytest.raises(ValueError, match="no time zone"):
        monitoring.merge_statement([record])
