"""FACT_INVENTORY: how long stock lasts, right again after late sales."""

from __future__ import annotations

import pytest

from tests.warehouse.curated import sale, stock
from tests.warehouse.standin import Warehouse

pytestmark = pytest.mark.e2e  # a second or two a load on the stand-in


def supply(warehouse: Warehouse) -> dict[str, tuple[float | None, bool, bool]]:
    rows = warehouse.rows(
        "SELECT snapshot_date::VARCHAR, days_of_supply, stockout_flag, overstock_flag FROM DW.FACT_INVENTORY"
    )
    return {day: (days, stockout, overstock) for day, days, stockout, overstock in rows}


def test_the_pace_is_of_the_28_days_before_the_snapshot(warehouse: Warehouse) -> None:
    warehouse.load(
        "sales",
        [
            sale("TOO_OLD", "2025-01-01", "2025-01-30", quantity=1000),  # 29 days before
            sale("OLDEST", "2025-01-02", "2025-01-30", quantity=7),  # 28 days before
            sale("YESTERDAY", "2025-01-29", "2025-01-30", quantity=7),
            sale("TODAY", "2025-01-30", "2025-01-30", quantity=1000),
            sale("ELSEWHERE", "2025-01-29", "2025-01-30", quantity=1000, region="R2"),
        ],
    )
    warehouse.load(
        "inventory", [stock("2025-01-30", "2025-01-31", 40), stock("2025-01-31", "2025-01-31", 1007)]
    )
    assert supply(warehouse) == {
        "2025-01-30": (80.0, False, False),  # 40 / (14 / 28)
        "2025-01-31": (28.0, False, False),  # 1007 / (1007 / 28): TODAY is in, OLDEST is out
    }


@pytest.mark.parametrize(
    ("closing", "expected"),
    [
        (45, (90.0, False, False)),
        (46, (92.0, False, True)),
        (0, (0.0, True, False)),
        (-3, (0.0, True, False)),  # as none, not as a number of days that would lower a mean
    ],
)
def test_flags(warehouse: Warehouse, closing: int, expected: tuple[float, bool, bool]) -> None:
    warehouse.load("sales", [sale("O1", "2025-01-10", "2025-01-10", quantity=14)])
    warehouse.load("inventory", [stock("2025-01-20", "2025-01-20", closing)])
    assert supply(warehouse) == {"2025-01-20": expected}


def test_nothing_sold_is_no_pace(warehouse: Warehouse) -> None:
    warehouse.load("inventory", [stock("2025-01-20", "2025-01-20", 40)])
    assert supply(warehouse) == {"2025-01-20": (None, False, False)}


def test_late_and_corrected_sales_put_it_right(warehouse: Warehouse) -> None:
    days = ("2025-01-10", "2025-01-11", "2025-02-07", "2025-02-08")
    warehouse.load("inventory", [stock(day, "2025-02-08", 28) for day in days])
    assert {days for days, _, _ in supply(warehouse).values()} == {None}

    warehouse.load("sales", [sale("O1", "2025-01-10", "2025-02-09", quantity=4)])
    assert [supply(warehouse)[day][0] for day in days] == [None, 196.0, 196.0, None]

    moved = sale("O1", "2025-01-11", "2025-02-10", quantity=8, changed_at="2025-02-10T00:00:00")
    warehouse.load("sales", [moved])
    assert [supply(warehouse)[day][0] for day in days] == [None, None, 98.0, 98.0]
    assert supply(warehouse)["2025-01-11"] == (None, False, False)


def test_the_newest_raw_date_wins(warehouse: Warehouse) -> None:
    warehouse.load("sales", [sale("O1", "2025-01-10", "2025-01-10", quantity=28)])
    for raw_date, closing in (("2025-01-20", 5), ("2025-01-22", 7), ("2025-01-21", 6)):
        warehouse.load("inventory", [stock("2025-01-20", raw_date, closing)])
    assert supply(warehouse) == {"2025-01-20": (7.0, False, False)}
