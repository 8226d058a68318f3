"""FACT_INVENTORY: one row per SKU, region and day, with days of supply at the sales rate of the last 28 days."""

from __future__ import annotations

from warehouse.columns import merged
from warehouse.load.cpg import mart_changes
from warehouse.load.dimensions import GEOGRAPHY, SKU, infer
from warehouse.load.merge import NEWER_SNAPSHOT, merge_text, newest_rows
from warehouse.load.snapshot import Snapshot
from warehouse.statement import Statement

KEY = ("sku_key", "geo_key", "snapshot_date")


def statements(snapshot: Snapshot) -> list[Statement]:
    staging = snapshot.staging
    source = newest_rows(staging, KEY, computed="COALESCE(closing_stock <= 0, FALSE) AS stockout_flag")
    text = merge_text(
        "DW.FACT_INVENTORY",
        source,
        KEY,
        [*merged(snapshot.dataset), "stockout_flag"],
        newer=NEWER_SNAPSHOT,
        inserted={"overstock_flag": "FALSE"},
    )
    delivered = f"""SELECT sku_key, geo_key, MIN(snapshot_date) AS from_date, MAX(snapshot_date) AS to_date
        FROM {staging}
        GROUP BY sku_key, geo_key"""
    return [
        infer(SKU, staging),
        infer(GEOGRAPHY, staging),
        mart_changes.inventory(source, KEY),
        Statement("merge", text),
        Statement("recompute days of supply", days_of_supply_text(delivered)),
    ]


def days_of_supply_text(scope: str) -> str:
    """Recompute days of supply for each SKU and region in `scope`, for snapshots between from_date and to_date.

    Negative stock counts as zero: negative days of supply would lower every average. Sales and snapshots go through one
    window function, because joining every snapshot with its 28 days of sales would multiply rows.
    """
    return f"""UPDATE DW.FACT_INVENTORY
SET days_of_supply = src.days_of_supply, overstock_flag = src.overstock_flag
FROM (
    WITH scope AS (
        {scope}
    ),
    events AS (
        SELECT s.sku_key, s.geo_key, s.order_date AS event_date, s.quantity AS units
        FROM DW.FACT_SALES s
        JOIN scope t ON t.sku_key = s.sku_key AND t.geo_key = s.geo_key
        WHERE s.order_date BETWEEN DATEADD(day, -28, t.from_date) AND DATEADD(day, -1, t.to_date)
        UNION ALL
        SELECT i.sku_key, i.geo_key, i.snapshot_date AS event_date, 0 AS units
        FROM DW.FACT_INVENTORY i
        JOIN scope t ON t.sku_key = i.sku_key AND t.geo_key = i.geo_key
        WHERE i.snapshot_date BETWEEN t.from_date AND t.to_date
    ),
    daily AS (
        SELECT sku_key, geo_key, event_date, SUM(units) AS units
        FROM events
        GROUP BY sku_key, geo_key, event_date
    ),
    windowed AS (
        SELECT sku_key, geo_key, event_date,
            SUM(units) OVER (
                PARTITION BY sku_key, geo_key ORDER BY DATEDIFF(day, '1970-01-01'::DATE, event_date)
                RANGE BETWEEN 28 PRECEDING AND 1 PRECEDING
            ) AS units_sold
        FROM daily
    ),
    supply AS (
        SELECT i.sku_key, i.geo_key, i.snapshot_date,
            CASE WHEN w.units_sold > 0 THEN GREATEST(i.closing_stock, 0)::DOUBLE * 28 / w.units_sold END AS days_of_supply
        FROM DW.FACT_INVENTORY i
        JOIN scope t ON t.sku_key = i.sku_key AND t.geo_key = i.geo_key
        JOIN windowed w
            ON w.sku_key = i.sku_key AND w.geo_key = i.geo_key AND w.event_date = i.snapshot_date
        WHERE i.snapshot_date BETWEEN t.from_date AND t.to_date
    )
    SELECT sku_key, geo_key, snapshot_date, days_of_supply,
        COALESCE(days_of_supply > 90, FALSE) AS overstock_flag
    FROM supply
) src
WHERE FACT_INVENTORY.sku_key = src.sku_key AND FACT_INVENTORY.geo_key = src.geo_key
    AND FACT_INVENTORY.snapshot_date = src.snapshot_date
    AND FACT_INVENTORY.days_of_supply IS DISTINCT FROM src.days_of_supply"""
