"""gold.customer_analytics: what each customer ordered, and the segment that this makes him part of."""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from contracts.shop.segments import Segments
from jobs.glue.shop.spending import MONEY, amount, best_category, counted, in_currency, most_used_currency

SCORE = "churn_probability"


def newest_scores(predictions: DataFrame, analysis_date: date) -> DataFrame:
    """The scores of the latest as_of up to the day: customer_key, churn_probability. Earlier scorings count for nobody."""
    until = predictions.where(f"as_of <= DATE'{analysis_date}'")
    latest = until.agg(F.max("as_of").alias("as_of"))
    return until.join(F.broadcast(latest), "as_of").selectExpr("customer_key", f"probability AS {SCORE}")


def customer_analytics(
    facts: DataFrame, customers: DataFrame, scores: DataFrame, segments: Segments, analysis_date: date
) -> DataFrame:
    """A row per customer of `customers`, which has all versions of them. `facts` has all their lines, `scores` a row for
    each of them who was scored.

    Amounts, and what is chosen by amount, are of the lines in the customer's most used currency. Numbers of orders and the
    last date are of the lines in any.
    """
    lines = counted(facts)
    orders = lines.groupBy("customer_key", "order_id").agg(
        F.max("currency").alias("currency"),
        F.expr(amount("line_amount")).alias("amount"),
        F.max("order_date").alias("order_date"),
    )
    chosen = most_used_currency(orders)
    last = orders.groupBy("customer_key").agg(F.max("order_date").alias("last_order_date"))
    categories = best_category(in_currency(lines, chosen)).select("customer_key", "category")
    return (
        _newest(customers)
        .join(chosen, "customer_key", "left")
        .join(last, "customer_key", "left")
        .join(categories, "customer_key", "left")
        .join(scores, "customer_key", "left")
        .selectExpr(
            "*",
            f"DATE'{analysis_date}' AS analysis_date",
            f"datediff(DATE'{analysis_date}', last_order_date) AS recency_days",
            "coalesce(orders, 0) AS total_orders",
            f"cast(coalesce(currency_amount, 0) AS {MONEY}) AS lifetime_value",
        )
        .selectExpr(
            "customer_key",
            "customer_id",
            f"{segments.expression()} AS customer_segment",
            "lifetime_value",
            "total_orders",
            # Rounds half up, as round() of a decimal does.
            f"cast(coalesce(round(lifetime_value / currency_orders, 2), 0) AS {MONEY}) AS avg_order_value",
            "currency",
            "last_order_date",
            "category AS preferred_category",
            "geographic_region",
            SCORE,
            "analysis_date",
        )
    )


def _newest(customers: DataFrame) -> DataFrame:
    """The current version of each customer, or the last one if he was deleted."""
    state = F.expr("max_by(address_standardized.state, effective_at)").alias("geographic_region")
    return customers.groupBy("customer_key").agg(F.max("customer_id").alias("customer_id"), state)
