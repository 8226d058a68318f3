"""Dimensions: filled by masters (type 1, the newest snapshot wins), and by facts that know a code before its master does."""

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
    """A member that only a fact knows: no attributes, so that its master fills it whenever it comes."""
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
    """A snapshot that repeats what is known moves source_date only: updated_at is when the content changed."""
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


def count_doubled() -> Statement:
    """Of each dimension, in the order of DIMENSIONS, the rows beyond one for each key: they would double every mart."""
    counts = ", ".join(
        f"(SELECT COUNT(*) - COUNT(DISTINCT {dimension.key}) FROM {dimension.table})"
        for dimension in DIMENSIONS
    )
    return Statement("look for members that are there twice", f"SELECT {counts}", kind=Kind.QUICK)
