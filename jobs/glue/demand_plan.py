"""What is known of a week in advance: its promotions, those around it and beside it, and the same week a year ago."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.window import WindowSpec

from jobs.glue.demand_weeks import SERIES, week_no

UNKNOWN_KIND = "(unnamed)"
DEEPEST_DISCOUNT = 0.95
"""A discount of one would be a price of nothing, whose logarithm nobody can use."""

PLAN = (
    "is_promoted", "discount", "promo_type", "promos", "promoted_before", "promoted_after", "discount_before",
    "weeks_into_promotion", "planned_spend", "competing_share", "competing_discount", "iso_week",
    "year_ago_units", "year_ago_level", "year_ago_promoted", "category_season", "own_season",
)  # fmt: skip


def promoted_weeks(promotions: DataFrame) -> DataFrame:
    """One row per (sku, region, week): of several promotions the deepest one names the kind.

    A line without the flag is on promotion: to be in the calendar says so. A line on hold is not, nor one that was
    withdrawn: a calendar that came after the last one to show it, before its week, no longer has it.
    """
    calendars = promotions.select("source_date").distinct()
    following = calendars.withColumn(
        "next_calendar", F.lead("source_date").over(Window.orderBy("source_date"))
    )
    deepest = "max(struct(coalesce(promo_discount_pct, 0.0D) AS depth, promo_type AS kind))"
    return (
        promotions.join(F.broadcast(following), "source_date", "left")
        .where("coalesce(is_promoted, true) AND NOT coalesce(next_calendar < week, false)")
        .groupBy(*SERIES, F.expr(week_no("week")).alias("week_no"))
        .agg(
            F.lit(True).alias("is_promoted"),
            F.expr(f"nullif(least(max(promo_discount_pct), {DEEPEST_DISCOUNT}D), 0.0D)").alias("discount"),
            F.expr(f"coalesce({deepest}.kind, '{UNKNOWN_KIND}')").alias("promo_type"),
            F.expr("cast(count(DISTINCT promo_id) AS int)").alias("promos"),
            F.sum("planned_spend").cast("double").alias("planned_spend"),
        )
    )


def of_series() -> WindowSpec:
    return Window.partitionBy(*SERIES).orderBy("week_no")


def with_plan(cells: DataFrame) -> DataFrame:
    """Cannibalisation is a matter of a category in a region; without categories, of the region."""
    near = of_series()
    before, after = near.rangeBetween(-1, -1), near.rangeBetween(1, 1)
    beside = Window.partitionBy("category", "region_code", "week_no")
    promoted = F.col("is_promoted").cast("int")
    own = F.coalesce("discount", F.lit(0.0))
    others = F.count(F.lit(1)).over(beside) - 1
    last_break = F.max(F.when(~F.col("is_promoted"), F.col("week_no"))).over(
        near.rangeBetween(Window.unboundedPreceding, 0)
    )
    share = F.when(others > 0, (F.sum(promoted).over(beside) - promoted) / others).otherwise(0.0)
    depth = F.when(others > 0, (F.sum(own).over(beside) - own) / others).otherwise(0.0)
    return (
        cells.withColumn("promoted_before", F.coalesce(F.max(promoted).over(before), F.lit(0)))
        .withColumn("promoted_after", F.coalesce(F.max(promoted).over(after), F.lit(0)))
        .withColumn("discount_before", F.coalesce(F.max(own).over(before), F.lit(0.0)))
        .withColumn(
            "weeks_into_promotion",
            F.when(
                F.col("is_promoted"), F.col("week_no") - F.coalesce(last_break, F.col("week_no") - 1)
            ).otherwise(0),
        )
        .withColumn("competing_share", share)
        .withColumn("competing_discount", depth)
        .withColumn("iso_week", F.expr("weekofyear(date_add(DATE'1970-01-05', week_no * 7))"))
    )


def with_year_ago(cells: DataFrame) -> DataFrame:
    """The same weeks a year earlier, against the level of half a year around them: known 26 weeks ahead."""
    near, year = of_series(), of_series().rangeBetween(-53, -51)
    in_category = Window.partitionBy("category", "region_code").orderBy("week_no")

    def season(units: str, window: WindowSpec, least: int) -> Column:
        then, level = window.rangeBetween(-53, -51), window.rangeBetween(-77, -27)
        enough = F.count(units).over(level) >= least
        return F.when(
            enough & F.avg(units).over(then).isNotNull(),
            F.log((F.avg(units).over(then) + 0.5) / (F.avg(units).over(level) + 0.5)),
        )

    return (
        cells.withColumn("year_ago_units", F.avg("units").over(near.rangeBetween(-52, -52)))
        .withColumn("year_ago_level", F.avg("units").over(year))
        .withColumn(
            "year_ago_promoted",
            F.max(F.when(F.col("units").isNotNull(), F.col("is_promoted").cast("int"))).over(
                near.rangeBetween(-52, -52)
            ),
        )
        .withColumn("own_season", season("units", near, 26))
        .withColumn("category_season", season("units", in_category, 26))
    )
