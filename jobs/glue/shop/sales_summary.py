"""gold.sales_summary: what was sold per day, category, region and currency."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.glue.shop.spending import amount, counted

GROUP = ("order_date", "category", "region", "currency")


def sales_summary(facts: DataFrame) -> DataFrame:
    """A row per group of the lines in `facts`, which has all lines of the days in it. A null is a group of its own.

    An order with lines of two categories counts in both groups: orders do not add up, units and amounts do.
    """
    return (
        counted(facts)
        .groupBy(*GROUP)
        .agg(
            F.countDistinct("order_id").alias("orders"),
            F.expr("coalesce(sum(quantity), 0)").alias("units"),
            F.expr(amount("line_amount")).alias("net_amount"),
        )
    )
