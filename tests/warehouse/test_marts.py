"""The marts against figures worked out by hand."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tasks.warehouse.warehouse_marts import headlines, refresh_marts
from tests.warehouse.curated import customer, geography, promotion, sale, sku
from tests.warehouse.facts import Sold, World
from tests.warehouse.standin import Warehouse
from warehouse.marts.cpg.headlines import HEADLINES

pytestmark = pytest.mark.e2e  # a second or two a load on the stand-in

FIRST_WEEK = date(2025, 3, 3)


def monday(weeks: int) -> str:
    return (FIRST_WEEK + timedelta(weeks=weeks)).isoformat()


def promo(warehouse: Warehouse, promo_id: str, *columns: str) -> Any:
    return warehouse.one(
        f"SELECT {', '.join(columns)} FROM MARTS.PROMO_EFFECTIVENESS_MART WHERE promo_id = '{promo_id}'"
    )


def test_sales_by_date_product_place_and_customer(warehouse: Warehouse) -> None:
    warehouse.load("sku", [sku("S1", "2025-01-01", category="Snacks", pack_size="50 g", pack_type="Pouch")])
    warehouse.load("geography", [geography("R1", "2025-01-01", state="Kerala", city_tier="T1")])
    warehouse.load("customer", [customer("C1", "2025-01-01", customer_type="Retail")])
    day = "2024-10-02"
    warehouse.load(
        "sales",
        [
            sale("O1", day, day, quantity=2, revenue="100.10", cost="60.10", is_promo_sale=True),
            sale("O1", day, day, quantity=1, revenue="50", customer="C1", sku="S2"),
            sale("O2", day, day, quantity=3, revenue="99.90", is_promo_sale=False),
            sale("O3", day, day, quantity=4, revenue="10", cost="0"),
        ],
    )
    refresh_marts(warehouse.connection)

    assert warehouse.one(
        "SELECT fiscal_year, fiscal_quarter, fiscal_month, year, month, iso_week, is_festive_season, brand,"
        " category, pack_size, pack_type, zone, state, city_tier, region_code, channel, customer_type, units,"
        " net_revenue, gross_margin, costed_net_revenue, orders, customers, promo_revenue, anomalies"
        " FROM MARTS.SALES_PERFORMANCE_MART WHERE sku_code = 'S1'"
    ) == (
        2025, 3, 7, 2024, 10, 40, True, "Asha",
        "Snacks", "50 g", "Pouch", "North", "Kerala", "T1", "R1", "ecommerce", "Retail", 9,
        Decimal("210.00"), Decimal("50.00"), Decimal("110.10"), 3, 1, Decimal("100.10"), 0,
    )  # fmt: skip
    assert warehouse.one(
        "SELECT gross_margin_pct FROM MARTS.SALES_PERFORMANCE_MART WHERE sku_code = 'S1'"
    ) == pytest.approx(100 * 50 / 110.10)
    assert warehouse.one(
        "SELECT brand, gross_margin, gross_margin_pct, costed_net_revenue, promo_revenue"
        " FROM MARTS.SALES_PERFORMANCE_MART WHERE sku_code = 'S2'"
    ) == (None, None, None, None, Decimal(0))
    figures = headlines(warehouse.connection, HEADLINES)
    assert figures["net_revenue"] == Decimal(260)
    assert figures["units"] == 10
    assert (figures["first_day"], figures["last_day"]) == (date(2024, 10, 2), date(2024, 10, 2))
    assert figures["gross_margin_pct"] == pytest.approx(100 * 50 / 110.10)


def test_revenue_of_which_nobody_knows_is_kept_apart(warehouse: Warehouse) -> None:
    """Without a flag the promotion that is named tells; a flag tells whatever is named."""
    lines = [
        Sold(0, units=1, promo="A"),
        Sold(0, units=2),
        Sold(0, units=4, flag=True),
        Sold(0, units=8, promo="A", flag=False),
    ]
    World(lines).measured(warehouse)
    assert warehouse.one(
        "SELECT net_revenue, promo_revenue, promo_unknown_revenue FROM MARTS.SALES_PERFORMANCE_MART"
    ) == (Decimal(150), Decimal(50), Decimal(20))
    figures = headlines(warehouse.connection, HEADLINES)
    assert (figures["promo_revenue"], figures["promo_unknown_revenue"]) == (Decimal(50), Decimal(20))
    assert figures["promo_unknown_pct"] == pytest.approx(100 * 20 / 150)


def test_marts_follow_corrections_and_are_not_added_to(warehouse: Warehouse) -> None:
    warehouse.load("sales", [sale("O1", "2025-01-05", "2025-01-05", revenue="10")])
    refresh_marts(warehouse.connection)
    warehouse.load("sales", [sale("O1", "2025-01-06", "2025-01-07", revenue="12")])
    refresh_marts(warehouse.connection)
    refresh_marts(warehouse.connection)
    assert warehouse.rows("SELECT date_key, net_revenue FROM MARTS.SALES_PERFORMANCE_MART") == [
        (20250106, Decimal(12))
    ]


class TestPromotions:
    def test_uplift_over_the_unpromoted_weeks_before(self, warehouse: Warehouse) -> None:
        """Weeks -8 .. -1: first sold in -6, promoted in -3, nothing sold in -2. Baseline: -6, -5, -4, -2, -1."""
        sold = {-9: 0, -6: 10, -5: 20, -4: 30, -3: 1000, -1: 40, 0: 70, 1: 50}
        lines = [
            sale(
                f"W{week}",
                monday(week),
                monday(1),
                quantity=units,
                revenue=str(units * 10),
                cost=str(units * 6),
            )
            for week, units in sold.items()
            if units
        ]
        lines.append(
            sale("LAST", "2025-03-16", monday(1), quantity=5, revenue="50")
        )  # no cost; Sunday of week 1
        lines.append(sale("OTHER", monday(0), monday(1), quantity=999, region="R2"))
        warehouse.load("sales", lines)
        warehouse.load(
            "promotions",
            [
                promotion("P", monday(0), monday(-1), spend="100"),
                promotion("P", monday(1), monday(-1), spend="140"),
                promotion("BEFORE", monday(-3), monday(-4)),
                promotion("WITHDRAWN", monday(-5), monday(-8)),
                promotion("CALLED_OFF", monday(-4), monday(-8), is_promoted=False),
            ],
            raw_dates=(date.fromisoformat(monday(-6)),),
        )
        refresh_marts(warehouse.connection)

        assert promo(
            warehouse,
            "P",
            "first_week::VARCHAR",
            "last_week::VARCHAR",
            "weeks",
            "weeks_started",
            "is_complete",
        ) == (monday(0), monday(1), 2, 2, True)
        assert promo(warehouse, "P", "units", "net_revenue", "spend") == (125, Decimal(1250), Decimal(240))
        assert promo(warehouse, "P", "has_baseline", "baseline_weeks", "baseline_weekly_units", "baseline_units") == (
            True, 5, 20.0, 40.0,
        )  # fmt: skip
        assert promo(warehouse, "P", "uplift_units", "uplift_pct") == (85.0, 212.5)
        # 125 units at the 4 that the costed ones earned, less 40 at 4
        assert promo(warehouse, "P", "incremental_margin", "roi") == (340.0, pytest.approx((340 - 240) / 240))
        assert warehouse.rows("SELECT promo_id FROM MARTS.PROMO_EFFECTIVENESS_MART ORDER BY 1") == [
            ("BEFORE",),
            ("P",),
        ]

    def test_no_baseline_is_said_and_is_not_zero(self, warehouse: Warehouse) -> None:
        warehouse.load("sales", [sale("O1", monday(0), monday(0), quantity=7, revenue="70", cost="40")])
        warehouse.load("promotions", [promotion("NEW", monday(0), monday(0), spend=None)])
        refresh_marts(warehouse.connection)
        assert promo(warehouse, "NEW", "has_baseline", "baseline_weeks", "units", "is_complete") == (
            False, 0, 7, False,
        )  # fmt: skip
        nothing = ("baseline_units", "uplift_units", "uplift_pct", "incremental_margin", "spend", "roi")
        assert promo(warehouse, "NEW", *nothing) == (None,) * 6

    def test_unknown_costs_leave_the_margin_unknown(self, warehouse: Warehouse) -> None:
        lines = [sale(f"W{week}", monday(week), monday(0), quantity=10) for week in (-2, 0)]
        warehouse.load("sales", lines)
        warehouse.load("promotions", [promotion("P", monday(0), monday(0))])
        refresh_marts(warehouse.connection)
        assert promo(warehouse, "P", "uplift_units", "incremental_margin", "roi") == (5.0, None, None)

    def test_a_promotion_that_has_not_begun_is_not_measured(self, warehouse: Warehouse) -> None:
        warehouse.load("sales", [sale(f"W{week}", monday(week), monday(0)) for week in (-3, 0)])
        warehouse.load("promotions", [promotion("SOON", monday(2), monday(0))])
        refresh_marts(warehouse.connection)
        assert promo(warehouse, "SOON", "weeks", "weeks_started", "units", "uplift_units", "roi") == (
            1, 0, None, None, None,
        )  # fmt: skip
        assert headlines(warehouse.connection, HEADLINES)["promotions_started"] == 0
