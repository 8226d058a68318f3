"""Promotions measured: running weeks, overlaps, unknown spends and empty shelves, in small worlds with exact figures."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tasks.warehouse.warehouse_marts import headlines
from tests.warehouse.facts import Line, Sold, Stock, World
from tests.warehouse.standin import Warehouse
from warehouse.marts.cpg.headlines import HEADLINES

pytestmark = pytest.mark.e2e  # needs the local Snowflake

BASELINE = [Sold(week, weekday, 10 if weekday else 40) for week in range(-8, 0) for weekday in range(7)]
"""Eight weeks of 100 units: 40 on Mondays, 10 on the other days."""


def promo(warehouse: Warehouse, promo_id: str, *columns: str) -> Any:
    return warehouse.one(
        f"SELECT {', '.join(columns)} FROM MARTS.PROMO_EFFECTIVENESS_MART WHERE promo_id = '{promo_id}'"
    )


class TestRunningWeek:
    def test_it_is_compared_with_the_same_weekdays(self, warehouse: Warehouse) -> None:
        """On Monday evening twice a Monday's 40 were sold; spend counts for one day of seven."""
        World([*BASELINE, Sold(0, 0, 80)], [Line("P", 0, spend=70)]).measured(warehouse)
        assert promo(warehouse, "P", "weeks_started", "days_measured", "is_complete", "units") == (
            1, 1, False, 80,
        )  # fmt: skip
        assert promo(warehouse, "P", "baseline_weekly_units", "baseline_units", "uplift_units", "uplift_pct") == (
            100.0, 40.0, 40.0, 100.0,
        )  # fmt: skip
        assert promo(warehouse, "P", "incremental_margin", "spend", "roi") == (80.0, Decimal(10), 7.0)

    def test_whole_weeks_count_whole_beside_it(self, warehouse: Warehouse) -> None:
        sales = [*BASELINE, Sold(0, 0, 150), Sold(0, 6, 1), Sold(1, 0, 60), Sold(1, 1, 20)]
        World(sales, [Line("P", 0), Line("P", 1)]).measured(warehouse)
        # 151 of a week's 100, then 80 of Monday's and Tuesday's 50
        assert promo(warehouse, "P", "days_measured", "units", "baseline_units", "uplift_units") == (
            9, 231, 150.0, 81.0,
        )  # fmt: skip
        assert promo(warehouse, "P", "spend") == Decimal(90)

    def test_its_last_day_makes_it_whole(self, warehouse: Warehouse) -> None:
        World([*BASELINE, Sold(0, 6, 110)], [Line("P", 0)]).measured(warehouse)
        assert promo(warehouse, "P", "days_measured", "is_complete", "baseline_units", "spend") == (
            7, True, 100.0, Decimal(70),
        )  # fmt: skip

    def test_it_is_no_baseline_for_a_planned_promotion(self, warehouse: Warehouse) -> None:
        World([*BASELINE, Sold(0, 0, 5)], [Line("SOON", 1)]).measured(warehouse)
        assert promo(warehouse, "SOON", "weeks_started", "baseline_weeks", "baseline_weekly_units") == (
            0, 7, 100.0,
        )  # fmt: skip


class TestOverlap:
    def test_the_uplift_of_a_week_is_counted_once(self, warehouse: Warehouse) -> None:
        World([*BASELINE, Sold(0, 6, 190)], [Line("A", 0), Line("B", 0), Line("C", 0)]).measured(warehouse)
        assert headlines(warehouse.connection, HEADLINES)["promotion_uplift_units"] == 90.0
        for promo_id in "ABC":
            assert promo(warehouse, promo_id, "uplift_units", "incremental_margin") == (
                pytest.approx(30), pytest.approx(60),
            )  # fmt: skip
            assert promo(warehouse, promo_id, "units", "shared_weeks") == (190, 1)
            assert promo(warehouse, promo_id, "attributed_units", "baseline_units", "uplift_pct") == (
                pytest.approx(190 / 3), pytest.approx(100 / 3), pytest.approx(90),
            )  # fmt: skip

    def test_it_goes_to_those_whose_orders_name_them(self, warehouse: Warehouse) -> None:
        sales = [
            *BASELINE,
            Sold(0, 0, 60, promo="A"),
            Sold(0, 1, 20, promo="B"),
            Sold(0, 1, 99, promo="A", flag=False),  # says that it was not sold under a promotion
            Sold(0, 6, 21),
        ]
        World(sales, [Line("A", 0), Line("B", 0)]).measured(warehouse)
        assert promo(warehouse, "A", "attributed_units", "uplift_units") == (150.0, 75.0)
        assert promo(warehouse, "B", "attributed_units", "uplift_units") == (50.0, 25.0)

    def test_a_promotion_alone_has_its_week_whoever_is_named(self, warehouse: Warehouse) -> None:
        World([*BASELINE, Sold(0, 6, 190, promo="ELSE")], [Line("A", 0)]).measured(warehouse)
        assert promo(warehouse, "A", "uplift_units", "shared_weeks") == (90.0, 0)

    def test_a_shared_week_has_the_baseline_of_the_one_that_began_first(self, warehouse: Warehouse) -> None:
        """Of B's own eight weeks before, only the four unpromoted ones of 10 units would be left."""
        early = [Sold(week, 0, 50) for week in range(-8, -4)]
        late = [Sold(week, 0, 10) for week in range(-4, 0)]
        promoted = [Sold(week, 0, 100) for week in range(6)]
        lines = [*(Line("A", week) for week in range(5)), Line("B", 4), Line("B", 5)]
        World([*early, *late, *promoted, Sold(6, 0, 1)], lines).measured(warehouse)
        assert promo(warehouse, "A", "uplift_units", "shared_weeks") == (4 * 70 + 35, 1)
        assert promo(warehouse, "B", "uplift_units", "shared_weeks") == (35 + 90, 1)


class TestSpend:
    def test_an_unknown_spend_leaves_the_return_unknown_and_is_counted(self, warehouse: Warehouse) -> None:
        sales = [*BASELINE, Sold(0, 6, 150), Sold(1, 6, 150)]
        lines = [Line("HALF", 0, spend=50), Line("HALF", 1, spend=None)]
        World(sales, lines).measured(warehouse)
        assert promo(warehouse, "HALF", "incremental_margin", "spend", "weeks_without_spend", "roi") == (
            200.0, Decimal(50), 1, None,
        )  # fmt: skip
        figures = headlines(warehouse.connection, HEADLINES)
        assert (figures["promotions_of_unknown_spend"], figures["promotion_roi"]) == (1, None)

    def test_the_return_of_all_is_over_those_whose_spend_and_margin_are_known(
        self, warehouse: Warehouse
    ) -> None:
        sales = [*BASELINE, Sold(0, 6, 150), *(Sold(week, 0, 20, sku=2) for week in range(-3, 1))]
        lines = [Line("KNOWN", 0, spend=40), Line("UNKNOWN", 0, spend=None, sku=2)]
        World(sales, lines).measured(warehouse)
        figures = headlines(warehouse.connection, HEADLINES)
        assert figures["promotion_spend"] == Decimal(40)
        assert (figures["promotions_of_unknown_spend"], figures["promotion_roi"]) == (1, 1.5)

    def test_a_spend_of_nothing_has_no_return(self, warehouse: Warehouse) -> None:
        World([*BASELINE, Sold(0, 6, 150)], [Line("FREE", 0, spend=0)]).measured(warehouse)
        assert promo(warehouse, "FREE", "spend", "weeks_without_spend", "roi") == (Decimal(0), 0, None)


class TestStock:
    def test_a_week_with_three_days_without_stock_is_no_baseline(self, warehouse: Warehouse) -> None:
        """Two days are few enough; what is below zero is no stock either; other articles' shelves do not matter."""
        sales = [Sold(week, 0, 5 if week in (-3, -2) else 20) for week in range(-8, 0)]
        stock = [
            *(Stock(-3, weekday, 0) for weekday in (0, 3, 6)),
            *(Stock(-2, weekday, -4) for weekday in (1, 2, 3)),
            *(Stock(-1, weekday, 0) for weekday in (0, 1)),
            *(Stock(-1, weekday, 7) for weekday in (2, 3, 4, 5, 6)),
            *(Stock(-4, weekday, 0, sku=2) for weekday in range(7)),
        ]
        World([*sales, Sold(0, 6, 50)], [Line("P", 0)], stock).measured(warehouse)
        assert promo(warehouse, "P", "baseline_weeks", "baseline_stockout_weeks", "baseline_units") == (
            6, 2, 20.0,
        )  # fmt: skip
        assert promo(warehouse, "P", "uplift_units") == 30.0

    def test_without_any_week_in_stock_there_is_no_baseline(self, warehouse: Warehouse) -> None:
        stock = [Stock(week, weekday, 0) for week in range(-8, 0) for weekday in range(3)]
        World([*BASELINE, Sold(0, 6, 150)], [Line("P", 0)], stock).measured(warehouse)
        assert promo(warehouse, "P", "has_baseline", "baseline_weeks", "baseline_stockout_weeks") == (
            False, 0, 8,
        )  # fmt: skip
        assert promo(warehouse, "P", "baseline_weekly_units", "baseline_units", "uplift_units") == (
            None, None, None,
        )  # fmt: skip

    def test_a_promoted_week_without_stock_is_measured_and_told(self, warehouse: Warehouse) -> None:
        stock = [Stock(0, weekday, 0) for weekday in (4, 5, 6)]
        World([*BASELINE, Sold(0, 6, 150)], [Line("P", 0)], stock).measured(warehouse)
        assert promo(warehouse, "P", "uplift_units", "stockout_weeks") == (50.0, 1)

    def test_stock_below_zero_is_counted(self, warehouse: Warehouse) -> None:
        World([Sold(0)], stock=[Stock(0, 0, -1), Stock(0, 1, 0), Stock(0, 2, -9), Stock(0, 3, 4)]).measured(
            warehouse
        )
        assert headlines(warehouse.connection, HEADLINES)["stock_days_below_zero"] == 2
