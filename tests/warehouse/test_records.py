"""The last load, and the records of runs: written again, they complete what is there and double nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from tasks.runs import monitoring
from tasks.runs.monitoring import DatasetRecord, QualityRecord, RunRecord
from tasks.services import aws
from tasks.warehouse.warehouse_load import LoadedSnapshot, last_loaded
from tasks.warehouse.warehouse_marts import headlines, refresh_marts
from tests.warehouse.curated import sku
from tests.warehouse.standin import Warehouse
from warehouse.marts.cpg.headlines import HEADLINES

DAY = date(2025, 1, 5)
START = datetime(2025, 1, 6, 2, 0, tzinfo=timezone(timedelta(hours=5, minutes=30)))


def test_the_last_load_is_where_the_head_is(warehouse: Warehouse) -> None:
    assert last_loaded(warehouse.connection, "sku") is None
    first, second = (warehouse.snapshot("sku", [sku(code, "2025-01-01")]) for code in ("S1", "S2"))
    for snapshot in (first, second):
        warehouse.replay(snapshot)
    assert last_loaded(warehouse.connection, "sku") == LoadedSnapshot(second.number * 1000, second.number)
    assert last_loaded(warehouse.connection, "geography") is None


def test_an_unknown_dataset_is_refused(warehouse: Warehouse) -> None:
    with pytest.raises(ValueError, match="unknown dataset 'orders'"):
        last_loaded(warehouse.connection, "orders")


def test_empty_marts_have_no_headlines(warehouse: Warehouse) -> None:
    refresh_marts(warehouse.connection)
    figures = headlines(warehouse.connection, HEADLINES)
    assert figures["net_revenue"] is None
    assert figures["promotions"] == 0


def test_a_run_is_one_row_that_its_end_completes(warehouse: Warehouse) -> None:
    running = RunRecord(
        "r1", "cpg_daily", DAY, {"sources": ["sales"], "run_date": DAY}, "RUNNING", started_at=START
    )
    ended = RunRecord(
        "r1", "cpg_daily", DAY, {}, "FAILED", 10, 7, 2, 1, ["jr_1"], ended_at=START, message="it's over"
    )
    again = RunRecord("r1", "cpg_daily", DAY, {}, "COMPLETED")
    columns = "status, rows_raw, rows_quarantined, external_job_ids, started_at::VARCHAR, message"
    read = f"SELECT {columns} FROM MONITORING.PIPELINE_RUNS"

    monitoring.record_run(warehouse.connection, running)
    assert warehouse.one("SELECT parameters FROM MONITORING.PIPELINE_RUNS") == (
        '{"run_date": "2025-01-05", "sources": ["sales"]}'
    )
    monitoring.record_run(warehouse.connection, ended)
    assert warehouse.one(read) == ("FAILED", 10, 1, '["jr_1"]', "2025-01-05 20:30:00", "it's over")
    monitoring.record_run(warehouse.connection, again)
    assert warehouse.one(read) == ("COMPLETED", 10, 1, '["jr_1"]', "2025-01-05 20:30:00", None)


def test_datasets_and_quality_are_not_doubled(warehouse: Warehouse) -> None:
    now = datetime(2025, 1, 6, tzinfo=UTC)
    datasets = [
        DatasetRecord("r1", "cpg_daily", DAY, name, 10, rows, 10 - rows, 0, "published", now, None)
        for name, rows in (("sales", 7), ("sku", 9))
    ]
    quality = [
        QualityRecord("r1", DAY, "sales", "null_rate:order_id", 0.0625, 0.05, False),
        QualityRecord("r1", DAY, "sales", "row_count", 10, None, True),
    ]
    for _ in range(2):
        monitoring.record_datasets(warehouse.connection, datasets)
        monitoring.record_quality(warehouse.connection, quality)
    monitoring.record_quality(warehouse.connection, [])

    assert warehouse.rows(
        "SELECT dataset, rows_raw, rows_published, rows_superseded, rows_quarantined, status, ended_at IS NULL"
        " FROM MONITORING.RUN_DATASETS ORDER BY dataset"
    ) == [("sales", 10, 7, 3, 0, "published", True), ("sku", 10, 9, 1, 0, "published", True)]
    assert warehouse.rows(
        "SELECT metric, value, threshold, passed, run_date::VARCHAR FROM MONITORING.DQ_RESULTS ORDER BY metric"
    ) == [
        ("null_rate:order_id", 0.0625, 0.05, False, "2025-01-05"),
        ("row_count", 10.0, None, True, "2025-01-05"),
    ]


def test_a_run_that_is_tried_again_completes_its_rows(warehouse: Warehouse) -> None:
    read = "SELECT dataset, rows_published, status, ended_at::VARCHAR FROM MONITORING.RUN_DATASETS"
    for status, ended, shown in (
        ("rejected", START, "2025-01-05 20:30:00"),
        ("judged", None, None),
        ("published", START, "2025-01-05 20:30:00"),
    ):
        judged = DatasetRecord("r1", "cpg_daily", DAY, "sales", 10, 7, 3, 0, status, START, ended)
        monitoring.record_datasets(warehouse.connection, [judged])
        assert warehouse.rows(read) == [("sales", 7, status, shown)]


@pytest.fixture
def lake(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bucket that the stand-in's stage stands for."""
    monkeypatch.setattr(aws, "s3", lambda: warehouse.s3)


@pytest.mark.usefixtures("lake")
def test_a_backfills_figures_go_by_file(warehouse: Warehouse) -> None:
    days = [DAY + timedelta(days=offset) for offset in range(400)]
    first = [QualityRecord("r1", day, "sales", "row_count", 10.5, None, True) for day in days]
    later = [QualityRecord("r1", day, "sales", "row_count", 11.0, 1.0, False) for day in days[100:]]
    for records in (first, first, later, [*later, *later[:5]]):
        monitoring.record_quality(warehouse.connection, records)
    figures = "COUNT(*), COUNT(DISTINCT run_date), SUM(value), COUNT(threshold), COUNT_IF(passed)"
    assert warehouse.one(f"SELECT {figures} FROM MONITORING.DQ_RESULTS") == (
        400, 400, 100 * 10.5 + 300 * 11.0, 300, 100
    )  # fmt: skip
    left = "SELECT COUNT(*) FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_NAME LIKE 'RECORDS_STAGE%'"
    assert warehouse.one(left) == 0


@pytest.mark.usefixtures("lake")
def test_many_records_of_datasets_keep_their_times(warehouse: Warehouse) -> None:
    records = [
        DatasetRecord("r1", "f", DAY + timedelta(days=n), "sku", n, n, 0, 0, "published", START, None)
        for n in range(300)
    ]
    monitoring.record_datasets(warehouse.connection, records)
    read = "SELECT COUNT(*), SUM(rows_raw), MIN(started_at)::VARCHAR, COUNT(ended_at) FROM MONITORING.RUN_DATASETS"
    assert warehouse.one(read) == (300, 300 * 299 // 2, "2025-01-05 20:30:00", 0)
