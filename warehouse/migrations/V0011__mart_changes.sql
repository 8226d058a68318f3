-- What the loads changed and no refresh of the marts has covered yet. A load adds its rows in the transaction of its MERGE; a
-- refresh deletes them in the transaction that brings the marts up to date. Columns that do not apply are null.
CREATE TABLE IF NOT EXISTS CURATED.MART_CHANGES (
    dataset VARCHAR NOT NULL,
    sku_key BIGINT,
    geo_key BIGINT,
    day DATE COMMENT 'of the changed fact; of a promotion, the Monday of its week'
);

-- One row once the marts have been refreshed: by which rules, and up to which sale. Delete it, and the next refresh rebuilds
-- the marts whole: a migration that changes the DW itself should.
CREATE TABLE IF NOT EXISTS CURATED.MART_STATE (
    rules VARCHAR NOT NULL COMMENT 'hash of the statements of warehouse/marts',
    last_sale DATE COMMENT 'the last order_date in the DW',
    updated_at TIMESTAMP_NTZ NOT NULL
);

-- The promotions that a refresh of the marts computes, while it is at work.
CREATE TABLE IF NOT EXISTS CURATED.PROMOTIONS_TOUCHED (
    promo_id VARCHAR NOT NULL,
    sku_key BIGINT NOT NULL,
    geo_key BIGINT NOT NULL
);

-- The first day on which each SKU was sold in each region, as of the last refresh of the marts: only FACT_SALES as a whole
-- tells, and a promotion's baseline begins there.
CREATE TABLE IF NOT EXISTS CURATED.FIRST_SALES (
    sku_key BIGINT NOT NULL,
    geo_key BIGINT NOT NULL,
    first_sale DATE NOT NULL
);
