"""FACT_PROMOTION: the lines of the promotion calendar, and which of them were withdrawn before they began.

A line is withdrawn if a calendar snapshot dated after the last one that contained it, and before its week began, lacks it.
This is computed over all processed calendars, not only the one just loaded, so that the order of loads does not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from warehouse.columns import merged
from warehouse.load.cpg import mart_changes
from warehouse.load.cpg.market import DATE_KEY
from warehouse.load.dimensions import GEOGRAPHY, SKU, infer
from warehouse.load.merge import NEWER_SNAPSHOT, merge_text, newest_rows
from warehouse.load.snapshot import Snapshot
from warehouse.statement import Statement

KEY = ("promo_id", "sku_key", "geo_key", "week_start")


def statements(snapshot: Snapshot) -> list[Statement]:
    staging = snapshot.staging
    source = newest_rows(staging, KEY, computed=DATE_KEY)
    text = merge_text(
        "DW.FACT_PROMOTION",
        source,
        KEY,
        [*merged(snapshot.dataset), "date_key"],
        newer=NEWER_SNAPSHOT,
        inserted={"is_withdrawn": "FALSE"},
    )
    return [
        infer(SKU, staging),
        infer(GEOGRAPHY, staging),
        mart_changes.promotions(source, KEY),
        Statement("merge", text),
        *([record_sightings(snapshot.sighted_staging)] if snapshot.sightings else []),
        *([record_calendars(snapshot.raw_dates)] if snapshot.raw_dates else []),
        mart_changes.withdrawals(_WITHDRAWALS, KEY),
        Statement("recompute withdrawals", withdrawals_text()),
    ]


def record_calendars(snapshots: Sequence[date]) -> Statement:
    rows = ", ".join(["(%s)"] * len(snapshots))
    return Statement(
        "record calendars",
        f"""INSERT INTO CURATED.PROMOTION_SNAPSHOTS (snapshot_date)
SELECT DISTINCT given.snapshot_date
FROM (SELECT column1::DATE AS snapshot_date FROM VALUES {rows}) given
LEFT JOIN CURATED.PROMOTION_SNAPSHOTS known ON known.snapshot_date = given.snapshot_date
WHERE known.snapshot_date IS NULL""",
        tuple(snapshots),
    )


def record_sightings(staging: str) -> Statement:
    """Record the keys of quarantined lines as sightings, so that an invalid line does not count as withdrawn.

    Their text is parsed as the contract would. Rows without a complete key are ignored.
    """
    text = f"""MERGE INTO CURATED.PROMOTION_SIGHTINGS tgt
USING (
    SELECT promo_id, sku_code, region_code, week_start, MAX(seen_date) AS seen_date
    FROM (
        SELECT NULLIF(TRIM(promo_id), '') AS promo_id, NULLIF(UPPER(TRIM(sku_code)), '') AS sku_code,
            NULLIF(UPPER(TRIM(region_code)), '') AS region_code,
            TRY_TO_DATE(TRIM(week), 'YYYY-MM-DD') AS week_start,
            TRY_TO_DATE(raw_date, 'YYYY-MM-DD') AS seen_date
        FROM {staging}
    ) delivered
    WHERE promo_id IS NOT NULL AND sku_code IS NOT NULL AND region_code IS NOT NULL
        AND week_start IS NOT NULL AND seen_date IS NOT NULL
    GROUP BY promo_id, sku_code, region_code, week_start
) src
ON tgt.promo_id = src.promo_id AND tgt.sku_code = src.sku_code
    AND tgt.region_code = src.region_code AND tgt.week_start = src.week_start
WHEN MATCHED AND src.seen_date > tgt.seen_date THEN UPDATE SET seen_date = src.seen_date
WHEN NOT MATCHED THEN INSERT (promo_id, sku_code, region_code, week_start, seen_date)
VALUES (src.promo_id, src.sku_code, src.region_code, src.week_start, src.seen_date)"""
    return Statement("record sightings", text)


_WITHDRAWALS = """WITH seen AS (
        SELECT p.promo_id, p.sku_key, p.geo_key, p.week_start,
            GREATEST(p.source_date, COALESCE(s.seen_date, p.source_date)) AS last_seen
        FROM DW.FACT_PROMOTION p
        JOIN DW.DIM_SKU k ON k.sku_key = p.sku_key
        JOIN DW.DIM_GEOGRAPHY g ON g.geo_key = p.geo_key
        LEFT JOIN CURATED.PROMOTION_SIGHTINGS s
            ON s.promo_id = p.promo_id AND s.sku_code = k.sku_code
            AND s.region_code = g.region_code AND s.week_start = p.week_start
    )
    SELECT l.promo_id, l.sku_key, l.geo_key, l.week_start, COUNT(c.snapshot_date) > 0 AS is_withdrawn
    FROM seen l
    LEFT JOIN CURATED.PROMOTION_SNAPSHOTS c
        ON c.snapshot_date > l.last_seen AND c.snapshot_date < l.week_start
    GROUP BY l.promo_id, l.sku_key, l.geo_key, l.week_start"""
"""Which lines are withdrawn, by all calendars recorded."""


def withdrawals_text() -> str:
    return f"""UPDATE DW.FACT_PROMOTION
SET is_withdrawn = src.is_withdrawn
FROM (
    {_WITHDRAWALS}
) src
WHERE FACT_PROMOTION.promo_id = src.promo_id AND FACT_PROMOTION.sku_key = src.sku_key
    AND FACT_PROMOTION.geo_key = src.geo_key AND FACT_PROMOTION.week_start = src.week_start
    AND FACT_PROMOTION.is_withdrawn <> src.is_withdrawn"""
