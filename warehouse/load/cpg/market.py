"""FACT_MARKET: weekly sales measured by a panel, and each brand's share of its category in the region."""

from __future__ import annotations

from warehouse.columns import merged
from warehouse.load.dimensions import GEOGRAPHY, infer
from warehouse.load.merge import NEWER_SNAPSHOT, merge_text
from warehouse.load.retractions import IS_RETRACTED, Retractions
from warehouse.load.snapshot import Snapshot
from warehouse.statement import Statement

KEY = ("week_start", "geo_key", "category", "brand")
RETRACTIONS = Retractions("CURATED.MARKET_TAKEN_BACK", KEY)
DATE_KEY = "YEAR(week_start) * 10000 + MONTH(week_start) * 100 + DAY(week_start) AS date_key"


def statements(snapshot: Snapshot) -> list[Statement]:
    staging = snapshot.staging
    text = merge_text(
        "DW.FACT_MARKET",
        RETRACTIONS.standing_rows(staging, computed=DATE_KEY),
        KEY,
        [*merged(snapshot.dataset), "date_key"],
        newer=NEWER_SNAPSHOT,
        deleted=IS_RETRACTED,
    )
    return [
        infer(GEOGRAPHY, staging),
        RETRACTIONS.record(staging),
        Statement("merge", text),
        Statement("recompute shares", shares_text(staging)),
    ]


def shares_text(staging: str) -> str:
    """Recompute shares of all brands in each delivered week, region and category, since one brand changes all of them."""
    group = "PARTITION BY m.week_start, m.geo_key, m.category"
    return f"""UPDATE DW.FACT_MARKET
SET unit_share = src.unit_share, value_share = src.value_share
FROM (
    SELECT m.week_start, m.geo_key, m.category, m.brand,
        m.units::DOUBLE / NULLIF(SUM(m.units) OVER ({group}), 0) AS unit_share,
        m.value::DOUBLE / NULLIF(SUM(m.value) OVER ({group}), 0) AS value_share
    FROM DW.FACT_MARKET m
    JOIN (SELECT DISTINCT week_start, geo_key, category FROM {staging}) delivered
        ON delivered.week_start = m.week_start AND delivered.geo_key = m.geo_key
        AND delivered.category = m.category
) src
WHERE FACT_MARKET.week_start = src.week_start AND FACT_MARKET.geo_key = src.geo_key
    AND FACT_MARKET.category = src.category AND FACT_MARKET.brand = src.brand
    AND (FACT_MARKET.unit_share IS DISTINCT FROM src.unit_share
        OR FACT_MARKET.value_share IS DISTINCT FROM src.value_share)"""
