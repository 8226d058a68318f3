"""Weeks whose calendar cannot be right: the forecast believes them in part, and somebody looks before it is ordered by."""

from __future__ import annotations

from typing import Any

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.glue.demand.demand_groups import past

_MOST_OF_A_CATEGORY = 0.9
_ABOVE_ALL_BEFORE = 0.05
_LEAST_SERIES = 20
_LEAST_WEEKS = 52
"""Fewer series are promoted all at once by chance, and fewer weeks say nothing of what is usual."""
_AS_DEEP = 0.5
"""A week whose flags come with more than this share of the usual discount is an event, not a mistake."""
_A_YEAR = 52
_MOST_NAMED = 10


def with_trust(cells: DataFrame) -> DataFrame:
    """`calendar_trust`: how much of a week's flags to believe, by what the calendar says of it and of the weeks before.

    1 in an ordinary week. In one that flags nine in ten series of a category, and more of it than any week before, at
    hardly a discount: the share that is usual, over the share flagged. Sales play no part, so that it is known as far
    ahead as the calendar.
    """
    so_far = Window.partitionBy("category").orderBy("week_no")
    year = so_far.rangeBetween(-_A_YEAR, -1)
    promoted, depth = F.col("is_promoted").cast("int"), F.expr("CASE WHEN is_promoted THEN discount END")
    by_week = (
        cells.groupBy("category", "week_no")
        .agg(
            F.avg(promoted).alias("share"),
            F.sum(promoted).alias("flags"),
            F.coalesce(F.sum(depth), F.lit(0.0)).alias("depth"),
            F.count(F.lit(1)).alias("series"),
        )
        .withColumns(
            {
                "highest_before": F.max("share").over(past(so_far)),
                "weeks_before": F.count("share").over(past(so_far)),
                # With the week itself, so that flags are never worth nothing at all.
                "usual_share": F.avg("share").over(so_far.rangeBetween(-_A_YEAR, 0)),
                "usual_depth": F.coalesce(F.sum("depth").over(year) / F.sum("flags").over(year), F.lit(0.0)),
            }
        )
    )
    is_suspect = (
        f"share >= {_MOST_OF_A_CATEGORY} AND share >= highest_before + {_ABOVE_ALL_BEFORE} "
        f"AND series >= {_LEAST_SERIES} AND weeks_before >= {_LEAST_WEEKS} "
        f"AND depth / flags <= {_AS_DEEP} * usual_depth"
    )
    trust = f"CASE WHEN {is_suspect} THEN usual_share / share ELSE 1D END AS calendar_trust"
    return cells.join(F.broadcast(by_week.selectExpr("category", "week_no", trust)), ["category", "week_no"])


def suspect_calendar_weeks(rows: DataFrame) -> list[dict[str, Any]]:
    """The weeks that are not believed in full: newest first."""
    before = past(Window.partitionBy("category").orderBy(F.unix_date("week")))
    by_week = (
        rows.groupBy("category", "week")
        .agg(F.avg(F.col("is_promoted").cast("int")).alias("share"), F.min("calendar_trust").alias("trust"))
        .withColumn("highest_before", F.max("share").over(before))
    )
    found = by_week.where("trust < 1").orderBy(F.desc("week"), "category").limit(_MOST_NAMED)
    return [
        {
            "week": row["week"].isoformat(),
            "category": row["category"],
            "share": round(row["share"], 3),
            "highest_before": round(row["highest_before"], 3),
            "trust": round(row["trust"], 3),
        }
        for row in found.collect()
    ]
