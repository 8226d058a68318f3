"""What is known of a week in advance: its promotions, those around it and beside it, and the same week a year ago."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.window import WindowSpec

from jobs.glue.demand.demand_groups import season, with_category_season
from jobs.glue.demand.demand_manifest import EPOCH, FeatureWork
from jobs.glue.demand.demand_weeks import SERIES, week_no

UNKNOWN_KIND = "(unnamed)"
DEEPEST_DISCOUNT = 0.95
"""A discount of one would be a price of nothing, whose logarithm nobody can use."""


def promoted_weeks(promotions: DataFrame, work: FeatureWork) -> DataFrame:
    """One row per (sku, region, week): of several promotions the deepest one names the kind.

    A line without the flag is on promotion: to be in the calendar says so. A line on hold is not, nor one that was
    withdrawn: a calendar that came after the last one to show it, before its week, no longer has it. What calendars
    from `as_of` on withdraw was still planned then. A line that they show may have been in earlier ones too: its
    `source_date` is the newest calendar's, so it stands.
    """
    calendars = promotions.where(f"source_date < DATE'{work.as_of}'").select("source_date").distinct()
    following = calendars.withColumn(
        "next_calendar", F.lead("source_date").over(Window.orderBy("source_date"))
    )
    # least() would take a missing discount for the deepest one.
    depth = (
        f"CASE WHEN max(promo_discount_pct) > 0 THEN least(max(promo_discount_pct), {DEEPEST_DISCOUNT}D) END"
    )
    deepest = "max(struct(coalesce(promo_discount_pct, 0.0D) AS depth, promo_type AS kind))"
    return (
        promotions.join(F.broadcast(following), "source_date", "left")
        .where("coalesce(is_promoted, true) AND NOT coalesce(next_calendar < week, false)")
        .groupBy(*SERIES, F.expr(week_no("week")).alias("week_no"))
        .agg(
            F.lit(True).alias("is_promoted"),
            F.expr(f"{depth} AS discount"),
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
    so_far = near.rangeBetween(Window.unboundedPreceding, 0)
    last_break = F.max(F.when(~F.col("is_promoted"), F.col("week_no"))).over(so_far)
    before_the_series = F.min("week_no").over(so_far) - 1
    share = F.when(others > 0, (F.sum(promoted).over(beside) - promoted) / others).otherwise(0.0)
    depth = F.when(others > 0, (F.sum(own).over(beside) - own) / others).otherwise(0.0)
    run = F.col("week_no") - F.coalesce(last_break, before_the_series)
    found: dict[str, Column] = {
        "promoted_before": F.coalesce(F.max(promoted).over(before), F.lit(0)),
        "promoted_after": F.coalesce(F.max(promoted).over(after), F.lit(0)),
        "discount_before": F.coalesce(F.max(own).over(before), F.lit(0.0)),
        "weeks_into_promotion": F.when(F.col("is_promoted"), run).otherwise(0),
        "competing_share": share,
        "competing_discount": depth,
        "iso_week": F.expr(f"weekofyear(date_add(DATE'{EPOCH}', week_no * 7))"),
    }
    return cells.withColumns(found)


def with_year_ago(cells: DataFrame) -> DataFrame:
    """The same weeks a year earlier, against the level of half a year around them: known 26 weeks ahead."""
    near = of_series()
    a_year_ago = near.rangeBetween(-52, -52)
    then, level = near.rangeBetween(-53, -51), near.rangeBetween(-77, -27)
    was_promoted = F.when(F.col("units").isNotNull(), F.col("is_promoted").cast("int"))
    found: dict[str, Column] = {
        "year_ago_units": F.max("units").over(a_year_ago).cast("double"),
        "year_ago_level": F.avg("units").over(then),
        "year_ago_promoted": F.max(was_promoted).over(a_year_ago),
        "own_season": season(
            F.avg("units").over(then), F.avg("units").over(level), F.count("units").over(level)
        ),
    }
    return with_category_season(cells.withColumns(found))
