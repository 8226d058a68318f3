"""Weeks whose calendar cannot be right, so that somebody looks before planners order by it."""

from __future__ import annotations

from typing import Any

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.glue.demand.demand_groups import past
from jobs.glue.demand.demand_manifest import EPOCH

_MOST_OF_A_CATEGORY = 0.9
_ABOVE_ALL_BEFORE = 0.05
_LEAST_SERIES = 20
_LEAST_WEEKS = 52
"""Fewer series are promoted all at once by chance, and fewer weeks say nothing of what is usual."""
_MOST_NAMED = 10


def suspect_calendar_weeks(rows: DataFrame) -> list[dict[str, Any]]:
    """Weeks that flag nine in ten series of a category, and more of it than any week before: newest first."""
    before = past(Window.partitionBy("category").orderBy("week_no"))
    by_week = (
        rows.withColumn("week_no", F.expr(f"cast(datediff(week, DATE'{EPOCH}') / 7 AS int)"))
        .groupBy("category", "week_no")
        .agg(
            F.min("week").alias("week"),
            F.avg(F.col("is_promoted").cast("int")).alias("share"),
            F.count(F.lit(1)).alias("series"),
        )
        .withColumn("highest_before", F.max("share").over(before))
        .withColumn("weeks_before", F.count("share").over(before))
    )
    found = by_week.where(
        f"share >= {_MOST_OF_A_CATEGORY} AND share >= highest_before + {_ABOVE_ALL_BEFORE} "
        f"AND series >= {_LEAST_SERIES} AND weeks_before >= {_LEAST_WEEKS}"
    )
    return [
        {
            "week": row["week"].isoformat(),
            "category": row["category"],
            "share": round(row["share"], 3),
            "highest_before": round(row["highest_before"], 3),
        }
        for row in found.orderBy(F.desc("week_no"), "category").limit(_MOST_NAMED).collect()
    ]
