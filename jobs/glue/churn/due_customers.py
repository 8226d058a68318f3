"""Which customers are due on a day, and which of them stayed away after it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.glue.churn.churn_manifest import ChurnWork
from jobs.glue.shop.spending import counted


def days_frame(orders: DataFrame, days: Iterable[date]) -> DataFrame:
    """Column as_of, a row each. Few: it is sent to where the other rows are."""
    return F.broadcast(orders.sparkSession.createDataFrame([(day,) for day in days], "as_of date"))


def due_customers(facts: DataFrame, days: DataFrame, work: ChurnWork) -> DataFrame:
    """Of each day the customers with an order in the `due_days` before it: customer_key, as_of, is_future, churned.

    Days begin at 00:00 UTC. `churned` is null on the day for which it is not known yet.
    """
    day = "cast(as_of AS timestamp)"
    orders = counted(facts).where("order_ts IS NOT NULL").select("customer_key", "order_ts")
    near = f"order_ts >= {day} - INTERVAL {work.due_days} DAYS AND order_ts < {day} + INTERVAL {work.horizon_days} DAYS"
    return (
        orders.join(days, F.expr(near))
        .groupBy("customer_key", "as_of")
        .agg(
            F.expr(f"bool_or(order_ts < {day})").alias("is_due"),
            F.expr(f"NOT bool_or(order_ts >= {day})").alias("stayed_away"),
        )
        .where("is_due")
        .selectExpr(
            "customer_key",
            "as_of",
            f"as_of = DATE'{work.as_of}' AS is_future",
            f"CASE WHEN as_of < DATE'{work.as_of}' THEN stayed_away END AS churned",
        )
    )
