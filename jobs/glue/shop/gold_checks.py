"""What must hold of gold: no row without a key, and the totals of silver to the cent."""

from __future__ import annotations

from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

_AMISS = {
    "customer_analytics": {
        "null_keys": "customer_key IS NULL OR customer_id IS NULL",
        "no_segment": "customer_segment IS NULL",
        "orders_out_of_range": "total_orders < 0",
        "churn_probability_out_of_range": "churn_probability NOT BETWEEN 0 AND 1",
    },
    "sales_summary": {"orders_out_of_range": "orders <= 0 OR units < 0"},
    "ml_features": {"null_keys": "customer_key IS NULL OR analysis_date IS NULL"},
}
_SOLD = "status IS DISTINCT FROM 'cancelled'"


def findings(table: str, rows: DataFrame) -> list[dict[str, Any]]:
    """The rows amiss by metric, and how many there were."""
    told = rows.agg(
        F.count(F.lit(1)).alias("rows"),
        *(F.expr(f"count_if({condition})").alias(metric) for metric, condition in _AMISS[table].items()),
    ).first()
    assert told is not None
    return [
        {"table": table, "metric": metric, "value": told[metric], "rows": told["rows"]}
        for metric in _AMISS[table]
    ]


def totals(facts: DataFrame, summary: DataFrame, analytics: DataFrame) -> list[dict[str, Any]]:
    """How far the tables of gold are from silver, whole: the greatest difference of any currency. Zero to the cent."""
    sold = facts.where(_SOLD)
    chosen = analytics.select("customer_key", F.col("currency").alias("__currency"))
    of_chosen = sold.join(chosen, "customer_key").where("currency <=> __currency")
    known, counted = (
        analytics.agg(F.sum("total_orders")).first(),
        sold.agg(F.countDistinct("order_id")).first(),
    )
    assert known is not None
    assert counted is not None
    off = {
        ("sales_summary", "net_amount_off"): _apart(sold, "line_amount", summary, "net_amount"),
        ("sales_summary", "units_off"): _apart(sold, "quantity", summary, "units"),
        ("customer_analytics", "lifetime_value_off"): _apart(
            of_chosen, "line_amount", analytics, "lifetime_value"
        ),
        ("customer_analytics", "orders_off"): abs((known[0] or 0) - counted[0]),
    }
    return [
        {"table": table, "metric": metric, "value": float(value), "rows": counted[0]}
        for (table, metric), value in off.items()
    ]


def _apart(facts: DataFrame, amount: str, table: DataFrame, total: str) -> Any:
    """The greatest difference between the sums of two columns, currency by currency."""
    signed = facts.select("currency", F.col(amount).alias("amount")).union(
        table.select("currency", (-F.col(total)).alias("amount"))
    )
    by_currency = signed.groupBy("currency").agg(F.abs(F.coalesce(F.sum("amount"), F.lit(0))).alias("off"))
    found = by_currency.agg(F.max("off")).first()
    assert found is not None
    return found[0] or 0
