"""Lines and measurements that were taken back: out of the facts in whatever order their versions arrive."""

from __future__ import annotations

from typing import Any

import pytest

from tests.warehouse.curated import market, sale, stock
from tests.warehouse.standin import Warehouse

WEEK = "2024-12-30"


def orders(warehouse: Warehouse) -> dict[str, int]:
    return dict(warehouse.rows("SELECT order_id, quantity FROM DW.FACT_SALES"))


def version(day: int, quantity: int, **values: Any) -> dict[str, Any]:
    at = f"2025-01-{day:02d}T10:00:00"
    return sale("O1", "2025-01-05", f"2025-01-{day:02d}", quantity=quantity, changed_at=at, **values)


def test_a_version_that_takes_the_line_back_and_a_later_one_that_brings_it_back(warehouse: Warehouse) -> None:
    other = sale("O2", "2025-01-05", "2025-01-05", quantity=7)
    warehouse.load("sales", [version(5, 1), other])
    assert orders(warehouse) == {"O1": 1, "O2": 7}

    taken = warehouse.load("sales", [version(7, 1, is_deleted=True)])
    assert orders(warehouse) == {"O2": 7}
    assert taken.rows_staged == 1

    warehouse.load("sales", [version(6, 9)])  # older than the one that took it back
    assert orders(warehouse) == {"O2": 7}

    warehouse.load("sales", [version(8, 3, is_deleted=False)])
    assert orders(warehouse) == {"O1": 3, "O2": 7}

    warehouse.load("sales", [version(7, 1, is_deleted=True), version(6, 9)])
    assert orders(warehouse) == {"O1": 3, "O2": 7}


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("order", "expected"),
    [([2, 1, 3], {"O1": 3}), ([3, 2, 1], {"O1": 3}), ([4, 3, 1, 2], {}), ([2, 4, 3], {})],
)
def test_other_orders_of_the_versions_end_alike(
    warehouse: Warehouse, order: list[int], expected: dict[str, int]
) -> None:
    versions = {
        1: version(5, 1),
        2: version(6, 2, is_deleted=True),
        3: version(7, 3),
        4: version(8, 3, is_deleted=True),
    }
    for number in order:
        warehouse.load("sales", [versions[number]])
    assert orders(warehouse) == expected


def test_what_rests_on_the_line_is_worked_out_anew(warehouse: Warehouse) -> None:
    warehouse.load("sales", [sale("O1", "2025-01-05", "2025-01-05", quantity=7)])
    warehouse.load("sales", [sale("O2", "2025-01-05", "2025-01-05", quantity=7)])
    warehouse.load("inventory", [stock("2025-01-06", "2025-01-06", 14)])
    assert warehouse.one("SELECT days_of_supply FROM DW.FACT_INVENTORY") == 28.0

    warehouse.load("sales", [sale("O2", "2025-01-05", "2025-01-06", quantity=7, is_deleted=True)])
    assert warehouse.one("SELECT days_of_supply FROM DW.FACT_INVENTORY") == 56.0
    warehouse.load("sales", [sale("O1", "2025-01-05", "2025-01-06", quantity=7, is_deleted=True)])
    assert warehouse.one("SELECT days_of_supply FROM DW.FACT_INVENTORY") is None


def test_a_version_of_the_far_future_that_was_published_before_the_rule_ranks_lowest(
    warehouse: Warehouse,
) -> None:
    never = "9999-12-31T00:00:00"
    warehouse.load("sales", [sale("O1", "2025-01-05", "2025-01-05", quantity=9, changed_at=never)])
    assert warehouse.one("SELECT changed_at IS NULL FROM DW.FACT_SALES")
    warehouse.load(
        "sales", [sale("O1", "2025-01-05", "2025-01-06", quantity=2, changed_at="2025-01-05T10:00:00")]
    )
    warehouse.load("sales", [sale("O1", "2025-01-05", "2025-01-07", quantity=9, changed_at=never)])
    assert orders(warehouse) == {"O1": 2}


def test_a_brand_that_a_newer_delivery_of_the_week_lacks_leaves_the_week_and_its_shares(
    warehouse: Warehouse,
) -> None:
    def shares() -> dict[str, float]:
        return dict(warehouse.rows("SELECT brand, unit_share FROM DW.FACT_MARKET"))

    warehouse.load("market", [market(WEEK, "Asha", 30, "30"), market(WEEK, "Bela", 10, "10")])
    assert shares() == {"Asha": 0.75, "Bela": 0.25}
    warehouse.load("market", [market(WEEK, "Bela", 10, "10", is_deleted=True)])
    assert shares() == {"Asha": 1.0}
    warehouse.load("market", [market(WEEK, "Bela", 10, "10")])
    assert shares() == {"Asha": 0.75, "Bela": 0.25}
