"""Record what a load changes that the marts show: rows of CURATED.MART_CHANGES, in the transaction of its MERGE.

Each statement runs before the MERGE and compares the staged rows with what they will replace. A refresh of the marts deletes
the rows that it has covered (warehouse/marts/cpg/refresh.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from warehouse.load.dimensions import CUSTOMER, GEOGRAPHY, SKU, Dimension
from warehouse.load.merge import NEWER_MASTER, NEWER_SNAPSHOT, newest_rows, same_key
from warehouse.statement import Statement

SHOWN: Mapping[Dimension, tuple[str, ...]] = {
    SKU: ("brand", "category", "pack_size", "pack_type"),
    GEOGRAPHY: ("zone", "state", "city_tier"),
    CUSTOMER: ("customer_type",),
}
"""The attributes of each dimension that a mart shows."""

_STEP = "record what the marts will miss"


def sales(snapshot_id: int) -> Statement:
    """Every SKU, region and day of CURATED.SALES_TOUCHED."""
    return Statement(
        _STEP,
        """INSERT INTO CURATED.MART_CHANGES (dataset, sku_key, geo_key, day)
SELECT 'sales', sku_key, geo_key, from_date
FROM CURATED.SALES_TOUCHED
WHERE snapshot_id = %s""",
        (snapshot_id,),
    )


def inventory(source: str, key: Sequence[str]) -> Statement:
    """Days that begin or cease to be without stock: the marts show nothing else of it."""
    return _lines(
        "inventory",
        "snapshot_date",
        source,
        f"LEFT JOIN DW.FACT_INVENTORY tgt ON {same_key(key)}",
        f"""(tgt.sku_key IS NULL AND src.stockout_flag)
    OR ({NEWER_SNAPSHOT} AND tgt.stockout_flag <> src.stockout_flag)""",
    )


def promotions(source: str, key: Sequence[str]) -> Statement:
    """Lines that are new or differ. A calendar delivers all its lines again, and most of them as they were."""
    return _lines(
        "promotions",
        "week_start",
        source,
        f"LEFT JOIN DW.FACT_PROMOTION tgt ON {same_key(key)}",
        f"tgt.promo_id IS NULL OR ({NEWER_SNAPSHOT} AND tgt.content_hash <> src.content_hash)",
    )


def withdrawals(source: str, key: Sequence[str]) -> Statement:
    """Lines that the calendar withdraws, or lists again after it had withdrawn them."""
    return _lines(
        "promotions",
        "week_start",
        source,
        f"JOIN DW.FACT_PROMOTION tgt ON {same_key(key)}",
        "tgt.is_withdrawn <> src.is_withdrawn",
    )


def _lines(dataset: str, day: str, source: str, join: str, changed: str) -> Statement:
    return Statement(
        _STEP,
        f"""INSERT INTO CURATED.MART_CHANGES (dataset, sku_key, geo_key, day)
SELECT '{dataset}', src.sku_key, src.geo_key, src.{day}
FROM (
    {source}
) src
{join}
WHERE {changed}""",
    )


def members(dimension: Dimension, staging: str) -> Statement:
    """SKUs or regions of which an attribute changes that a mart shows."""
    return Statement(
        _STEP,
        f"""INSERT INTO CURATED.MART_CHANGES (dataset, {dimension.key})
{_changed(dimension, staging, f"'{dimension.dataset}', tgt.{dimension.key}")}""",
    )


def customers(staging: str) -> Statement:
    """Days on which such a customer bought: the sales mart counts customers by type and does not name them."""
    return Statement(
        _STEP,
        f"""INSERT INTO CURATED.MART_CHANGES (dataset, day)
SELECT DISTINCT 'customer', f.order_date
FROM (
{_changed(CUSTOMER, staging, "tgt.customer_key")}
) changed
JOIN DW.FACT_SALES f ON f.customer_key = changed.customer_key""",
    )


def _changed(dimension: Dimension, staging: str, selected: str) -> str:
    differs = " OR ".join(f"tgt.{shown} IS DISTINCT FROM src.{shown}" for shown in SHOWN[dimension])
    return f"""SELECT {selected}
FROM (
    {newest_rows(staging, [dimension.key])}
) src
JOIN {dimension.table} tgt ON {same_key([dimension.key])}
WHERE {NEWER_MASTER} AND ({differs})"""
