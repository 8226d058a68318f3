"""A rebuild begins in an empty warehouse, goes on with its own, and leaves every other alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tasks.errors import BusinessError
from tasks.recovery.rebuild_target import FLOW, RUN_ID, require_empty_or_ours
from tasks.runs import monitoring
from tasks.runs.monitoring import RunRecord
from tests.warehouse.curated import sku
from tests.warehouse.retail.inbox import Inbox
from tests.warehouse.standin import Warehouse

pytestmark = pytest.mark.e2e


@pytest.fixture
def empty(warehouse: Warehouse) -> Warehouse:
    Inbox(warehouse).clear()
    return warehouse


def record(warehouse: Warehouse, run_id: str, flow: str) -> None:
    began = RunRecord(run_id, flow, None, {}, "RUNNING", started_at=datetime.now(UTC))
    monitoring.record_run(warehouse.connection, began)


def test_an_empty_warehouse_and_the_rebuilds_own_beginning_are_taken(empty: Warehouse) -> None:
    require_empty_or_ours(empty.connection)
    record(empty, RUN_ID, FLOW)
    empty.load("sku", [sku("A", "2025-01-06")])
    empty.rows(f"UPDATE MONITORING.LOADS SET run_id = '{RUN_ID}'")
    require_empty_or_ours(empty.connection)


def test_a_warehouse_that_a_run_has_loaded_is_refused(empty: Warehouse) -> None:
    empty.load("sku", [sku("A", "2025-01-06")])
    with pytest.raises(BusinessError, match=r"loaded by other runs \(MONITORING\.LOADS names run-"):
        require_empty_or_ours(empty.connection)


def test_a_run_that_came_between_a_killed_rebuild_and_the_next_is_noticed(empty: Warehouse) -> None:
    record(empty, RUN_ID, FLOW)
    record(empty, "r7", "cpg-daily")
    with pytest.raises(BusinessError, match=r"MONITORING\.PIPELINE_RUNS names r7"):
        require_empty_or_ours(empty.connection)


def test_rows_that_nobody_has_recorded_are_no_empty_warehouse(empty: Warehouse) -> None:
    empty.load("sku", [sku("A", "2025-01-06")])
    empty.rows("DELETE FROM MONITORING.LOADS")
    with pytest.raises(BusinessError, match=r"rows that no run on record has loaded \(DW\.DIM_SKU\)"):
        require_empty_or_ours(empty.connection)
