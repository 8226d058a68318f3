"""FACT_SALES: one row per order line, plus what depends on sales history: the anomaly flag and days of supply."""

from __future__ import annotations

from contracts.language.written import CLOCK_DAYS
from warehouse.columns import merged
from warehouse.load.cpg import inventory, mart_changes
from warehouse.load.dimensions import CUSTOMER, GEOGRAPHY, SKU, infer
from warehouse.load.merge import NEWER_CHANGE, merge_text, same_key
from warehouse.load.retractions import IS_RETRACTED, Retractions
from warehouse.load.snapshot import Snapshot
from warehouse.statement import Statement

KEY = ("order_id", "sku_key")
RETRACTIONS = Retractions("CURATED.SALES_TAKEN_BACK", KEY, changed_at=True)

ANOMALY_DAYS = 28
"""A line is compared with the lines of so many days, its own included: a change reaches the days after it."""

DAY_NUMBER = "DATEDIFF(day, '1970-01-01'::DATE, {})"

TOUCHED = """SELECT sku_key, geo_key, MIN(from_date) AS from_date, MAX(to_date) AS to_date
        FROM CURATED.SALES_TOUCHED
        GROUP BY sku_key, geo_key"""


def statements(snapshot: Snapshot) -> list[Statement]:
    staging, snapshot_id = snapshot.staging, snapshot.snapshot_id
    text = merge_text(
        "DW.FACT_SALES",
        RETRACTIONS.standing_rows(staging),
        KEY,
        merged(snapshot.dataset),
        newer=NEWER_CHANGE,
        inserted={"is_revenue_anomaly": "FALSE"},
        deleted=IS_RETRACTED,
    )
    return [
        Statement("clear far-future versions", future_versions_text(staging)),
        infer(SKU, staging),
        infer(GEOGRAPHY, staging),
        infer(CUSTOMER, staging),
        Statement("record what will change", touch_text(staging), (snapshot_id,)),
        mart_changes.sales(snapshot_id),
        RETRACTIONS.record(staging),
        Statement("merge", text),
        Statement("recompute anomalies", anomalies_text()),
        Statement("recompute days of supply", inventory.days_of_supply_text(_SNAPSHOTS_AFTER_TOUCHED)),
        Statement(
            "clear what changed", "DELETE FROM CURATED.SALES_TOUCHED WHERE snapshot_id = %s", (snapshot_id,)
        ),
    ]


_SNAPSHOTS_AFTER_TOUCHED = f"""SELECT sku_key, geo_key,
            DATEADD(day, 1, from_date) AS from_date, DATEADD(day, 28, to_date) AS to_date
        FROM (
        {TOUCHED}
        ) touched"""


def future_versions_text(staging: str) -> str:
    """Clear a changed_at in the far future. Files published before the contract had this rule may hold 9999-12-31, which
    would win forever."""
    return f"""UPDATE {staging} SET changed_at = NULL
WHERE changed_at >= DATEADD(day, {CLOCK_DAYS + 1}, source_date)"""


def touch_text(staging: str) -> str:
    """Record the SKUs, regions and days that change. A corrected line affects both its old and its new region and day.

    Lines that the MERGE will not change are left out, so that a repeated load recomputes nothing.
    """
    return f"""INSERT INTO CURATED.SALES_TOUCHED (snapshot_id, sku_key, geo_key, from_date, to_date)
SELECT DISTINCT %s, sku_key, geo_key, order_date, order_date
FROM (
    SELECT src.sku_key, src.geo_key, src.order_date
    FROM {staging} src
    LEFT JOIN DW.FACT_SALES tgt ON {same_key(KEY)}
    WHERE tgt.order_id IS NULL OR {NEWER_CHANGE}
    UNION ALL
    SELECT tgt.sku_key, tgt.geo_key, tgt.order_date
    FROM {staging} src
    JOIN DW.FACT_SALES tgt ON {same_key(KEY)}
    WHERE {NEWER_CHANGE}
) lines"""


def anomalies_text() -> str:
    """Flag lines with net_revenue above 3 x the mean of the last 28 days. Written without division, to be exact."""
    reach = ANOMALY_DAYS - 1
    window = (
        f"OVER (PARTITION BY sku_key, geo_key ORDER BY {DAY_NUMBER.format('order_date')}"
        f" RANGE BETWEEN {reach} PRECEDING AND CURRENT ROW)"
    )
    return f"""UPDATE DW.FACT_SALES
SET is_revenue_anomaly = src.is_revenue_anomaly
FROM (
    WITH touched AS (
        {TOUCHED}
    ),
    daily AS (
        SELECT s.sku_key, s.geo_key, s.order_date, t.from_date, t.to_date,
            SUM(s.net_revenue) AS revenue, COUNT(*) AS order_lines
        FROM DW.FACT_SALES s
        JOIN touched t ON t.sku_key = s.sku_key AND t.geo_key = s.geo_key
        WHERE s.order_date BETWEEN DATEADD(day, -{reach}, t.from_date) AND DATEADD(day, {reach}, t.to_date)
        GROUP BY s.sku_key, s.geo_key, s.order_date, t.from_date, t.to_date
    ),
    windowed AS (
        SELECT sku_key, geo_key, order_date, from_date,
            SUM(revenue) {window} AS revenue,
            SUM(order_lines) {window} AS order_lines
        FROM daily
    )
    SELECT s.order_id, s.sku_key, s.net_revenue * w.order_lines > 3 * w.revenue AS is_revenue_anomaly
    FROM DW.FACT_SALES s
    JOIN windowed w ON w.sku_key = s.sku_key AND w.geo_key = s.geo_key AND w.order_date = s.order_date
    WHERE w.order_date >= w.from_date
) src
WHERE FACT_SALES.order_id = src.order_id AND FACT_SALES.sku_key = src.sku_key
    AND FACT_SALES.is_revenue_anomaly <> src.is_revenue_anomaly"""
