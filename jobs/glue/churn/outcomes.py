"""What became of customers who were scored: whether they stayed away for as long as that was predicted for."""

from __future__ import annotations

from datetime import date
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.glue.shop.spending import counted

_KEY = ["customer_key", "as_of"]
_END = "date_add(as_of, cast(horizon_days AS int))"


def outcomes(facts: DataFrame, scored: DataFrame, latest: date) -> DataFrame:
    """The rows of CHURN_OUTCOMES for those of CHURN_PREDICTIONS whose horizon is over by 00:00 UTC of `latest`."""
    over = scored.where(f"{_END} <= DATE'{latest}'").select(*_KEY, "horizon_days")
    orders = counted(facts).select(F.col("customer_key").alias("buyer"), "order_ts")
    within = f"buyer = customer_key AND order_ts >= cast(as_of AS timestamp) AND order_ts < cast({_END} AS timestamp)"
    returned = over.join(orders, F.expr(within), "left_semi").select(*_KEY, F.lit(True).alias("returned"))
    return over.join(returned, _KEY, "left").selectExpr(*_KEY, "horizon_days", "returned IS NULL AS churned")


def counts(found: DataFrame) -> list[dict[str, Any]]:
    """A count per day of scoring, earliest first."""
    days = found.groupBy("as_of", "horizon_days").agg(
        F.count(F.lit(1)).alias("rows"), F.expr("count_if(churned)").alias("churned")
    )
    return [{**row.asDict(), "as_of": str(row["as_of"])} for row in days.orderBy("as_of").collect()]


def write(found: DataFrame, folder: str, days: int) -> None:
    """<folder>/day=YYYY-MM-DD, a file each, so that each day can be published by itself."""
    laid = found.withColumn("day", F.col("as_of")).repartition(days, "day")
    ordered = laid.sortWithinPartitions("day", "customer_key")
    ordered.write.mode("overwrite").partitionBy("day").parquet(folder)
