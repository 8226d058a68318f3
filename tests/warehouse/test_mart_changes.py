"""What a load records for the marts, and when they are rebuilt whole instead."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from tests.warehouse.curated import customer, geography, hashed, promotion, sale, sku, stock
from tests.warehouse.standin import Warehouse
from warehouse.marts.cpg import refresh
from warehouse.marts.cpg.refresh import Changes

S1, R1, R2 = hashed("S1"), hashed("R1"), hashed("R2")


def recorded(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    """Since it was last asked."""
    rows = warehouse.rows(
        "SELECT dataset, sku_key, geo_key, day::VARCHAR FROM CURATED.MART_CHANGES ORDER BY 1, 4, 3"
    )
    warehouse.rows("DELETE FROM CURATED.MART_CHANGES")
    return rows


@pytest.mark.e2e
class TestRecorded:
    def test_a_line_that_moved_is_of_two_days(self, warehouse: Warehouse) -> None:
        line = sale("O1", "2025-01-05", "2025-01-05")
        warehouse.load("sales", [line])
        assert recorded(warehouse) == [("sales", S1, R1, "2025-01-05")]
        warehouse.load("sales", [sale("O1", "2025-01-07", "2025-01-08", region="R2")])
        assert recorded(warehouse) == [("sales", S1, R1, "2025-01-05"), ("sales", S1, R2, "2025-01-07")]
        warehouse.load("sales", [line])  # older than what is there
        assert recorded(warehouse) == []
        warehouse.load("sales", [sale("O1", "2025-01-07", "2025-01-09", region="R2", is_deleted=True)])
        assert recorded(warehouse) == [("sales", S1, R2, "2025-01-07")]

    def test_stock_matters_when_it_ends_or_comes_back(self, warehouse: Warehouse) -> None:
        warehouse.load(
            "inventory", [stock("2025-01-05", "2025-01-05", 9), stock("2025-01-06", "2025-01-06", 0)]
        )
        assert recorded(warehouse) == [("inventory", S1, R1, "2025-01-06")]
        warehouse.load(
            "inventory", [stock("2025-01-05", "2025-01-07", 8), stock("2025-01-06", "2025-01-07", 1)]
        )
        assert recorded(warehouse) == [("inventory", S1, R1, "2025-01-06")]

    def test_a_calendar_that_is_delivered_again_changes_what_differs_or_is_missing(
        self, warehouse: Warehouse
    ) -> None:
        weeks = ("2025-02-03", "2025-02-10", "2025-02-17")

        def calendar(day: str, **spends: str) -> None:
            lines = [
                promotion("P", week, day, spend=spends.get(f"w{n}", "10")) for n, week in enumerate(weeks)
            ]
            kept = lines[: len(lines) - (day > "2025-01-07")]
            warehouse.load("promotions", kept, raw_dates=(date.fromisoformat(day),))

        calendar("2025-01-06")
        assert [row[3] for row in recorded(warehouse)] == list(weeks)
        calendar("2025-01-07", w1="99")
        assert recorded(warehouse) == [("promotions", S1, R1, weeks[1])]
        calendar("2025-01-08", w1="99")  # without the third week
        assert recorded(warehouse) == [("promotions", S1, R1, weeks[2])]

    def test_masters_change_what_they_show(self, warehouse: Warehouse) -> None:
        warehouse.load(
            "sales", [sale("O1", "2025-01-05", "2025-01-05"), sale("O2", "2025-01-03", "2025-01-05")]
        )
        recorded(warehouse)
        warehouse.load("sku", [sku("S1", "2025-01-06"), sku("UNSOLD", "2025-01-06")])
        warehouse.load("geography", [geography("R1", "2025-01-06")])
        warehouse.load("customer", [customer("C1", "2025-01-06", customer_type="Retail")])
        first = [
            ("customer", None, None, "2025-01-03"),
            ("customer", None, None, "2025-01-05"),
            ("geography", None, R1, None),
            ("sku", S1, None, None),
        ]
        assert recorded(warehouse) == first
        warehouse.load("sku", [sku("S1", "2025-01-07", sku_name="Another")])
        warehouse.load("geography", [geography("R1", "2025-01-07", population=7)])
        warehouse.load("customer", [customer("C1", "2025-01-07", customer_type="Retail", credit_limit=7)])
        assert recorded(warehouse) == []
        warehouse.load("sku", [sku("S1", "2025-01-05", brand="Older")])
        assert recorded(warehouse) == []


class TestWhole:
    day = date(2025, 1, 10)
    few = Changes(refresh.rules(), day, date(2025, 1, 1), day, 7, day, 5, 20250106, 20250110, 1, 1, 9, 9)

    def test_few_changes_are_computed_alone(self) -> None:
        assert self.few.why_whole() is None
        assert replace(self.few, rows=0).is_nothing
        assert not replace(self.few, rows=0, last_sale=date(2025, 1, 9)).is_nothing

    @pytest.mark.parametrize(
        ("differs", "why"),
        [
            ({"rules": None, "last_sale_then": None}, "nothing is known of an earlier refresh"),
            ({"rules": "of another release"}, "the statements of the marts have changed"),
            ({"last_sale_then": None}, "there are or were no sales"),
            ({"first_sale": None, "last_sale": None}, "there are or were no sales"),
            ({"days": 6}, "6 of 10 days have changed"),
            ({"skus": 5}, "5 of 9 SKUs have changed"),
            ({"regions": 9}, "9 of 9 regions have changed"),
        ],
    )
    def test_reasons_to_rebuild_all(self, differs: dict[str, Any], why: str) -> None:
        assert replace(self.few, **differs).why_whole() == why

    def test_rules_follow_the_statements(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(refresh, "PROMOTIONS", replace(refresh.PROMOTIONS, parameters=(4,)))
        assert refresh.rules() != self.few.rules
