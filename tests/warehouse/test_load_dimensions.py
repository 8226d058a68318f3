"""Masters, and the members that facts know first."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from tests.warehouse.curated import customer, geography, hashed, sale, sku
from tests.warehouse.standin import Warehouse

pytestmark = pytest.mark.e2e  # a second or two a load on the stand-in


def test_a_fact_with_unknown_codes_makes_inferred_members(warehouse: Warehouse) -> None:
    lines = [sale("O1", "2025-01-05", "2025-01-05"), sale("O2", "2025-01-05", "2025-01-05", customer="C2")]
    warehouse.load("sales", lines)
    assert warehouse.rows("SELECT sku_key, sku_code, is_inferred, brand FROM DW.DIM_SKU") == [
        (hashed("S1"), "S1", True, None)
    ]
    assert warehouse.rows("SELECT geo_key, region_code, is_inferred FROM DW.DIM_GEOGRAPHY") == [
        (hashed("R1"), "R1", True)
    ]
    assert warehouse.rows("SELECT customer_id, is_inferred FROM DW.DIM_CUSTOMER ORDER BY 1") == [
        ("C1", True),
        ("C2", True),
    ]


def test_a_late_master_fills_its_member_and_keeps_its_key(warehouse: Warehouse) -> None:
    warehouse.load("sales", [sale("O1", "2025-01-05", "2025-01-05")])
    created = warehouse.one("SELECT created_at FROM DW.DIM_SKU")

    result = warehouse.load(
        "sku", [sku("S1", "2025-01-06", mrp=Decimal("9.5"), launch_date=date(2020, 2, 29))]
    )
    warehouse.load("geography", [geography("R1", "2025-01-06", population=12)])
    warehouse.load("customer", [customer("C1", "2025-01-06", credit_limit=Decimal(5))])

    assert (result.rows_inserted, result.rows_updated) == (0, 1)
    assert warehouse.one(
        "SELECT sku_key, brand, mrp, launch_date::VARCHAR, is_inferred, source_date::VARCHAR FROM DW.DIM_SKU"
    ) == (hashed("S1"), "Asha", Decimal("9.5"), "2020-02-29", False, "2025-01-06")
    assert warehouse.one("SELECT created_at FROM DW.DIM_SKU") == created
    assert warehouse.one("SELECT zone, population, is_inferred FROM DW.DIM_GEOGRAPHY") == ("North", 12, False)
    assert warehouse.one("SELECT credit_limit, is_inferred FROM DW.DIM_CUSTOMER") == (5, False)
    assert (
        warehouse.one("SELECT COUNT(*) FROM DW.FACT_SALES f JOIN DW.DIM_SKU k ON k.sku_key = f.sku_key") == 1
    )


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (0, 2, 1)])
def test_the_newest_snapshot_wins_and_a_vanished_code_stays(
    warehouse: Warehouse, order: tuple[int, ...]
) -> None:
    snapshots = [
        [sku("S1", "2025-01-01", brand="Old"), sku("GONE", "2025-01-01", brand="Last")],
        [sku("S1", "2025-01-02", brand="Between")],
        [sku("S1", "2025-01-03", brand="Old")],
    ]
    for number in order:
        warehouse.load("sku", snapshots[number])
    assert warehouse.rows("SELECT sku_code, brand, source_date::VARCHAR FROM DW.DIM_SKU ORDER BY 1") == [
        ("GONE", "Last", "2025-01-01"),
        ("S1", "Old", "2025-01-03"),
    ]


def test_a_snapshot_that_says_the_same_does_not_touch_updated_at(warehouse: Warehouse) -> None:
    warehouse.load("sku", [sku("S1", "2025-01-01")])
    before = warehouse.one("SELECT updated_at FROM DW.DIM_SKU")
    warehouse.load("sku", [sku("S1", "2025-01-02")])
    assert warehouse.one("SELECT updated_at FROM DW.DIM_SKU") == before

    warehouse.load("sku", [sku("S1", "2025-01-02", brand="Redelivered")])
    after = warehouse.one("SELECT updated_at, brand FROM DW.DIM_SKU")
    assert after[0] > before
    assert after[1] == "Redelivered"
