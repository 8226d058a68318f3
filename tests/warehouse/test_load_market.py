"""FACT_MARKET: shares of a category, right again after late and corrected rows."""

from __future__ import annotations

from tests.warehouse.curated import market
from tests.warehouse.standin import Warehouse

WEEK = "2024-12-30"


def shares(warehouse: Warehouse, week: str = WEEK) -> dict[str, tuple[float, float]]:
    rows = warehouse.rows(
        f"SELECT brand, unit_share, value_share FROM DW.FACT_MARKET WHERE week_start = '{week}'"
    )
    return {brand: (units, value) for brand, units, value in rows}


def test_shares_are_fractions_of_week_region_and_category(warehouse: Warehouse) -> None:
    warehouse.load(
        "market",
        [
            market(WEEK, "Asha", 30, "10.5"),
            market(WEEK, "Bela", 10, "31.5"),
            market(WEEK, "Cara", 500, "1", category="Soap"),
            market("2025-01-06", "Asha", 7, "7"),
        ],
        [market(WEEK, "Dipa", 1000, "1000", region="R2")],
    )
    assert shares(warehouse) == {
        "Asha": (0.75, 0.25),
        "Bela": (0.25, 0.75),
        "Cara": (1.0, 1.0),
        "Dipa": (1.0, 1.0),
    }
    assert warehouse.one(
        "SELECT week, date_key, source_date::VARCHAR, distribution_pct FROM DW.FACT_MARKET WHERE brand = 'Bela'"
    ) == ("2025-W01", 20241230, "2025-01-05", 81.5)


def test_a_late_brand_and_a_correction_change_all_shares_of_the_group(warehouse: Warehouse) -> None:
    warehouse.load("market", [market(WEEK, "Asha", 30, "30"), market(WEEK, "Bela", 10, "10")])
    warehouse.load("market", [market(WEEK, "Late", 40, "40")])
    assert shares(warehouse) == {"Asha": (0.375, 0.375), "Bela": (0.125, 0.125), "Late": (0.5, 0.5)}

    warehouse.load("market", [market(WEEK, "Asha", 50, "150")])
    assert shares(warehouse) == {"Asha": (0.5, 0.75), "Bela": (0.1, 0.05), "Late": (0.4, 0.2)}


def test_a_category_that_sold_nothing_has_no_shares(warehouse: Warehouse) -> None:
    warehouse.load("market", [market(WEEK, "Asha", 0, "0")])
    assert shares(warehouse) == {"Asha": (None, None)}
