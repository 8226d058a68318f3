"""What a series was like before a week: every figure looks at earlier weeks alone.

The usual price and the usual units are those of weeks without a promotion, a price cut or a stock-out; what promotions
did to a series is measured against them.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.demand_columns import LAGS, MEANS
from jobs.glue.demand.demand_groups import past, with_group_state
from jobs.glue.demand.demand_plan import of_series

CUT = 0.93
"""Below this share of its usual price an article is on offer, whatever the calendar says."""
TELLING_DISCOUNT = 0.05
FOLLOWED = 0.3
"""A price that fell by less than this share of the planned discount did not follow the plan."""
MOSTLY = 0.6
"""Prices follow promotions where at least this share of them show in the price; elsewhere a price proves nothing."""
SOLD_MORE = 1.5
"""A flagged week that sold as many times the usual units was promoted, whatever its price says."""
REGULAR_WEEKS = 6
"""A regular price that changed is seen after three of them, when half of 26 weeks still have the old one."""
FEW_REGULAR_WEEKS = 3
"""One or two weeks at another price may be an offer that the calendar does not have."""
FEW_NORMAL_WEEKS = 3
LARGE_MIDDLE = 5
"""From so many units a week on, the median tells the level: a week that sold tenfold unplanned does not move it. Of smaller
ones it is too coarse."""
WEEKS_IN_STOCK = "weeks_in_stock"
"""Nothing that the model looks at: it says whether a series that never sold could have."""


def with_prices(cells: DataFrame) -> DataFrame:
    near = of_series()
    ordinary = F.when(~F.col("is_promoted"), F.col("price"))
    usual = F.coalesce(
        F.expr("percentile(CASE WHEN NOT is_promoted THEN price END, 0.5)").over(past(near, 26)),
        F.avg(ordinary).over(past(near)),
        F.max("price").over(past(near, 52)),
    )
    lately = past(near, REGULAR_WEEKS)
    now = F.when(
        F.count(ordinary).over(lately) >= FEW_REGULAR_WEEKS,
        F.expr("percentile(CASE WHEN NOT is_promoted THEN price END, 0.5)").over(lately),
    )
    return cells.withColumn("usual_price", usual).withColumns(
        {
            "price_index": F.col("price") / F.col("usual_price"),
            "regular_price": F.coalesce(now, F.col("usual_price")),
        }
    )


def with_contradictions(cells: DataFrame) -> DataFrame:
    """A promoted week at the usual price and of usual units: an error in the calendar where prices do follow promotions.

    Whether they do is judged from what was known by that week, so that a later week changes no earlier feature.
    """
    telling = F.expr(f"is_promoted AND discount >= {TELLING_DISCOUNT} AND price_index IS NOT NULL")
    unmoved = telling & F.expr(f"price_index > 1 - {FOLLOWED} * discount")
    cells = cells.withColumns({"is_telling": telling, "is_unmoved": F.coalesce(unmoved, F.lit(False))})
    return (
        cells.join(F.broadcast(_where_prices_follow(cells)), "week_no")
        .withColumn("contradicts", F.expr("is_unmoved AND prices_follow") & ~_sold_more())
        .withColumn("is_cut", F.expr(f"NOT is_promoted AND price_index IS NOT NULL AND price_index < {CUT}"))
        .withColumn("ran", F.expr("is_promoted AND NOT contradicts"))
        .withColumn("is_normal", F.expr("units IS NOT NULL AND NOT ran AND NOT is_cut AND NOT is_stockout"))
    )


def _where_prices_follow(cells: DataFrame) -> DataFrame:
    """By week. A promotion at the usual price is one that the price does not show, however much it sold."""
    by_week = cells.groupBy("week_no").agg(
        F.sum(F.col("is_telling").cast("int")).alias("telling"),
        F.sum(F.col("is_unmoved").cast("int")).alias("unmoved"),
    )
    so_far = Window.orderBy("week_no").rangeBetween(Window.unboundedPreceding, 0)
    return (
        by_week.withColumn("seen", F.sum("telling").over(so_far))
        .withColumn("moved", F.col("seen") - F.sum("unmoved").over(so_far))
        .selectExpr("week_no", f"seen > 0 AND moved >= {MOSTLY} * seen AS prices_follow")
    )


def _sold_more() -> Column:
    quiet = "percentile(CASE WHEN NOT is_promoted AND NOT is_stockout THEN units END, 0.5)"
    usual = F.coalesce(*(F.expr(quiet).over(past(of_series(), weeks)) for weeks in (26, 52)))
    return F.coalesce(F.col("units") >= SOLD_MORE * usual, F.lit(False))


def with_level(cells: DataFrame) -> DataFrame:
    """The units of an ordinary week, from few weeks where there are enough, from more where promotions are dense."""
    near = of_series()
    normal = F.when(F.col("is_normal"), F.col("units"))

    def middle(weeks: int) -> Column:
        window = past(near, weeks)
        median = F.expr("percentile(CASE WHEN is_normal THEN units END, 0.5)").over(window)
        usual = F.when(median >= LARGE_MIDDLE, median).otherwise(F.avg(normal).over(window))
        return F.when(F.count(normal).over(window) >= FEW_NORMAL_WEEKS, usual)

    cells = cells.withColumn(
        "base_units",
        F.coalesce(
            middle(13),
            middle(26),
            middle(52),
            F.avg("units").over(past(near, 26)),
            F.avg("units").over(past(near)),
        ),
    )
    lift = F.log((F.col("units") + 0.5) / (F.col("base_units") + 0.5))
    return cells.withColumn("lift", F.when(F.expr("ran AND NOT coalesce(is_stockout, false)"), lift))


def _with_what_ran(cells: DataFrame) -> DataFrame:
    """What is looked back at is what took place: a promotion that its price contradicts is none any more.

    Of the weeks beside and around a target the plan stays: its origin may be earlier, when no price had contradicted it.
    """
    beside = Window.partitionBy("category", "region_code", "week_no")
    ran, others = F.col("ran").cast("int"), F.count(F.lit(1)).over(beside) - 1
    contradicted = F.max(F.col("contradicts").cast("int")).over(of_series().rangeBetween(-52, -52))
    return cells.withColumns(
        {
            "share_that_ran": F.when(others > 0, (F.sum(ran).over(beside) - ran) / others).otherwise(0.0),
            "year_ago_promoted": F.when(contradicted == 1, 0).otherwise(F.col("year_ago_promoted")),
        }
    )


def with_state(cells: DataFrame) -> DataFrame:
    cells = _with_what_ran(cells)
    near = of_series()
    normal = F.when(F.col("is_normal"), F.col("units"))
    is_known = F.col("units").isNotNull()
    flag = {name: F.when(is_known, F.col(name).cast("int")) for name in ("ran", "is_stockout")}
    is_zero = F.when(is_known, (F.col("units") == 0).cast("int"))
    ran_price = F.when(F.col("ran"), F.col("price_index"))
    last_sale = F.max(F.when(F.col("units") > 0, F.col("week_no"))).over(past(near))
    state: dict[str, Column] = {
        "price_index_last": F.max("price_index").over(near.rangeBetween(-1, -1)),
        "usual_price_26": F.max("usual_price").over(near.rangeBetween(-26, -26)),
        "price_trend": F.avg("price").over(past(near, 8)) / F.avg("price").over(past(near, 52)),
        "promo_price_index": F.avg(ran_price).over(past(near, 104)),
        "normal_4": F.avg(normal).over(past(near, 4)),
        "normal_8": F.avg(normal).over(past(near, 8)),
        "normal_weeks_13": F.count(normal).over(past(near, 13)),
        **{f"lag_{n}": F.max("units").over(near.rangeBetween(-n, -n)) for n in LAGS},
        **{f"mean_{n}": F.avg("units").over(past(near, n)) for n in MEANS},
        "std_13": F.stddev_pop("units").over(past(near, 13)),
        "zero_share_13": F.avg(is_zero).over(past(near, 13)),
        "zero_share_52": F.avg(is_zero).over(past(near, 52)),
        "promoted_share_13": F.avg(flag["ran"]).over(past(near, 13)),
        "promoted_share_52": F.avg(flag["ran"]).over(past(near, 52)),
        "stockout_share_8": F.avg(flag["is_stockout"]).over(past(near, 8)),
        "competing_share_13": F.avg(F.when(is_known, F.col("share_that_ran"))).over(past(near, 13)),
        "season_13": F.avg("own_season").over(past(near, 13)),
        "category_season_13": F.avg("category_season").over(past(near, 13)),
        "own_lift": F.avg("lift").over(past(near, 104)),
        "own_promotions": F.count("lift").over(past(near, 104)),
        "depth_past": F.avg(F.when(F.col("lift").isNotNull(), F.col("discount"))).over(past(near, 104)),
        "weeks_known": F.count("units").over(past(near)),
        WEEKS_IN_STOCK: F.sum(F.expr("int(units IS NOT NULL AND NOT is_stockout)")).over(past(near)),
        "weeks_since_sale": F.col("week_no") - last_sale,
    }
    return with_group_state(cells.withColumns(state))
