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
    },
    "sales_summary": {"orders_out_of_range": "orders <= 0 OR units <= 0"},
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
    """How far the tables of gold are from silver, whole. Zero if they agree to the cent."""
    sold = facts.where(_SOLD).agg(
        F.sum("line_amount").alias("net_amount"),
        F.sum("quantity").alias("units"),
        F.countDistinct("order_id").alias("orders"),
        F.count(F.lit(1)).alias("rows"),
    )
    summed = summary.agg(F.sum("net_amount").alias("net_amount"), F.sum("units").alias("units"))
    counted = analytics.agg(F.sum("total_orders").alias("orders"))
    was, is_now, known = sold.first(), summed.first(), counted.first()
    assert was is not None
    assert is_now is not None
    assert known is not None
    differences = {
        ("sales_summary", "net_amount_off"): (is_now["net_amount"] or 0) - (was["net_amount"] or 0),
        ("sales_summary", "units_off"): (is_now["units"] or 0) - (was["units"] or 0),
        ("customer_analytics", "orders_off"): (known["orders"] or 0) - was["orders"],
    }
    return [
        {"table": table, "metric": metric, "value": float(off), "rows": was["rows"]}
        for (table, metric), off in differences.items()
    ]
