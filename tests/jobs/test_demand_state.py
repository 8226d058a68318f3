"""What one week at its usual price means: of a flag, and of the regular price."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from jobs.glue.demand.demand_state import with_contradictions, with_prices

pytestmark = pytest.mark.spark

WEEKS, SERIES = 60, 10
FLAGGED = [(number, week) for number in range(SERIES) for week in range(WEEKS) if week % 3 == number % 3]


def contradicting(
    spark: SparkSession, moved: set[tuple[int, int]], doubled: set[tuple[int, int]]
) -> set[tuple[int, int]]:
    """Series and week of the flags that are distrusted; each has a discount of a fifth, `moved` prices fell by as much."""
    rows = [
        (
            f"S-{number}",
            "N",
            week,
            (number, week) in FLAGGED,
            0.2 if (number, week) in FLAGGED else None,
            20 if (number, week) in doubled else 10,
            0.8 if (number, week) in moved else 1.0,
            False,
        )
        for number in range(SERIES)
        for week in range(WEEKS)
    ]
    kind = (
        "sku_code string, region_code string, week_no int, is_promoted boolean, discount double, units int, "
        "price_index double, is_stockout boolean"
    )
    found = with_contradictions(spark.createDataFrame(rows, kind)).where("contradicts").collect()
    return {(int(row["sku_code"][2:]), row["week_no"]) for row in found}


def test_where_prices_never_move_no_flag_is_distrusted_however_well_promotions_sell(
    spark: SparkSession,
) -> None:
    """Two in three flags sell double: that says nothing of prices."""
    doubled = {cell for place, cell in enumerate(FLAGGED) if place % 3}
    assert contradicting(spark, moved=set(), doubled=doubled) == set()


def test_where_prices_move_a_flag_without_cut_and_without_sales_is_distrusted(spark: SparkSession) -> None:
    late = [cell for cell in FLAGGED if cell[1] >= 30]
    unmoved = {*late[::10]}
    sold_well = {*late[::20]}
    found = contradicting(spark, moved={*FLAGGED} - unmoved, doubled=sold_well)
    assert found == unmoved - sold_well
    assert len(found) >= 3


@pytest.mark.parametrize(
    ("unpromoted", "expected"),
    [
        ([], 10.0),
        ([14.0], 10.0),
        ([14.0, 13.0], 10.0),  # two weeks may be an offer that no calendar knows of
        ([14.0, 13.0, 10.0], 13.0),
    ],
)
def test_a_regular_price_rests_on_three_weeks(
    spark: SparkSession, unpromoted: list[float], expected: float
) -> None:
    """After twenty weeks at 10, six of which all but these are promoted at 7."""
    lately = [*((price, False) for price in unpromoted), *((7.0, True) for _ in range(6 - len(unpromoted)))]
    weeks = [*((10.0, False) for _ in range(20)), *lately, (10.0, False)]
    rows = [("S", "N", week, promoted, price) for week, (price, promoted) in enumerate(weeks)]
    kind = "sku_code string, region_code string, week_no int, is_promoted boolean, price double"
    (last,) = with_prices(spark.createDataFrame(rows, kind)).where("week_no = 26").collect()
    assert last["regular_price"] == pytest.approx(expected)
