-- What a load may have changed in FACT_SALES and no recompute has covered yet. Written before the MERGE and emptied after
-- the recomputes, so that a load that dies in between loses nothing. Each load forgets its own snapshot's rows only.
CREATE TABLE IF NOT EXISTS CURATED.SALES_TOUCHED (
    snapshot_id BIGINT NOT NULL,
    sku_key BIGINT NOT NULL,
    geo_key BIGINT NOT NULL,
    from_date DATE NOT NULL,
    to_date DATE NOT NULL
);

-- The promotion calendars processed so far: a line missing from a newer one was withdrawn.
CREATE TABLE IF NOT EXISTS CURATED.PROMOTION_SNAPSHOTS (
    snapshot_date DATE NOT NULL
);

-- The newest calendar in which a line was seen but quarantined: a broken line was not withdrawn.
CREATE TABLE IF NOT EXISTS CURATED.PROMOTION_SIGHTINGS (
    promo_id VARCHAR NOT NULL,
    sku_code VARCHAR NOT NULL,
    region_code VARCHAR NOT NULL,
    week_start DATE NOT NULL,
    seen_date DATE NOT NULL
);
