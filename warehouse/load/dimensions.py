"""Dimensions (type 1): loaded from masters, newest snapshot wins, plus inferred members for codes that only facts have."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.catalog import contract
from warehouse.columns import merged
from warehouse.load.merge import NEWER_MASTER, merge_text, newest_rows
from warehouse.statement import Kind, Statement

NOW = "CURRENT_TIMESTAMP()"


@dataclass(frozen=True)
class Dimension:
    dataset: str
    table: str
    key: str
    code: str


SKU = Dimension("sku", "DW.DIM_SKU", "sku_key", "sku_code")
GEOGRAPHY = Dimension("geography", "DW.DIM_GEOGRAPHY", "geo_key", "region_code")
CUSTOMER = Dimension("customer", "DW.DIM_CUSTOMER", "customer_key", "customer_id")
DIMENSIONS = (SKU, GEOGRAPHY, CUSTOMER)


def infer(dimension: Dimension, staging: str) -> Statement:
    """Insert members for unknown codes in a fact, without attributes, to be filled in when the master arrives."""
    key, code = dimension.key, dimension.code
    text = merge_text(
        dimension.table,
        f"SELECT {key}, MIN({code}) AS {code}\n    FROM {staging}\n    GROUP BY {key}",
        [key],
        [key, code],
        newer=None,
        inserted={"is_inferred": "TRUE", "created_at": NOW, "updated_at": NOW},
    )
    return Statement(f"infer {dimension.dataset}", text)


def merge_master(dimension: Dimension, staging: str) -> Statement:
    """Merge a master snapshot. Unchanged content updates only source_date: updated_at is when the content changed."""
    changed = "tgt.content_hash IS DISTINCT FROM src.content_hash"
    text = merge_text(
        dimension.table,
        newest_rows(staging, [dimension.key]),
        [dimension.key],
        merged(contract(dimension.dataset)),
        newer=NEWER_MASTER,
        inserted={"is_inferred": "FALSE", "created_at": NOW, "updated_at": NOW},
        updated={
            "is_inferred": "FALSE",
            "updated_at": f"CASE WHEN {changed} THEN {NOW} ELSE tgt.updated_at END",
        },
    )
    return Statement("merge", text)


def count_duplicates() -> Statement:
    """Count the surplus rows per key of each dimension, in the order of DIMENSIONS: they would double every mart."""
    counts = ", ".join(
        f"(SELECT COUNT(*) - COUNT(DISTINCT {dimension.key}) FROM {dimension.table})"
        for dimension in DIMENSIONS
    )
    return Statement("check for duplicate members", f"SELECT {counts}", kind=Kind.QUICK)
