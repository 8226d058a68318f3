"""What must hold of the rows that a run of silver computed."""

from __future__ import annotations

from typing import Any

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

_KEYS = {
    "dim_customers": ("customer_key", "customer_version_key", "customer_id", "effective_at", "expired_at"),
    "dim_products": ("product_key", "product_id"),
    "fact_orders": ("order_id", "line_number", "customer_key", "customer_version_key", "product_key"),
    "pending_orders": ("order_id", "line_number", "reason"),
}
"""Columns that may not be null."""
_RANGES = {
    "dim_customers": {
        "share_out_of_range": "NOT data_quality_score BETWEEN 0 AND 1",
        "empty_periods": "expired_at <= effective_at",
        "overlaps": "__next < expired_at",
        "more_than_one_current": "is_current AND __next IS NOT NULL",
    },
    "fact_orders": {
        "quantity_out_of_range": "quantity <= 0",
        "negative_amounts": "line_amount < 0 OR unit_price < 0 OR discount < 0",
    },
    "pending_orders": {"waiting": "true"},
}
"""Conditions of rows that are amiss."""
WAITING = "waiting"


def findings(table: str, rows: DataFrame) -> list[dict[str, Any]]:
    """The rows amiss by metric, and how many there were. Found in one pass."""
    if table == "dim_customers":
        next_version = F.lead("effective_at").over(Window.partitionBy("customer_key").orderBy("effective_at"))
        rows = rows.withColumn("__next", next_version)
    nulls = " OR ".join(f"{column} IS NULL" for column in _KEYS[table])
    amiss = {"null_keys": nulls, **_RANGES.get(table, {})}
    told = rows.agg(
        F.count(F.lit(1)).alias("rows"),
        *(F.expr(f"count_if({condition})").alias(metric) for metric, condition in amiss.items()),
    ).first()
    assert told is not None
    return [
        {"table": table, "metric": metric, "value": told[metric], "rows": told["rows"]} for metric in amiss
    ]
