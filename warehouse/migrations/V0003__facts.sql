-- order_date stands beside date_key because the 28-day windows are in calendar days.
CREATE TABLE IF NOT EXISTS DW.FACT_SALES (
    order_id VARCHAR NOT NULL,
    sku_key BIGINT NOT NULL,
    geo_key BIGINT NOT NULL,
    customer_key BIGINT NOT NULL,
    date_key INT NOT NULL,
    order_date DATE NOT NULL,
    channel VARCHAR NOT NULL,
    is_modern_trade BOOLEAN NOT NULL,
    quantity BIGINT NOT NULL,
    gross_revenue NUMBER(18, 4),
    trade_discount NUMBER(18, 4),
    net_revenue NUMBER(18, 4) NOT NULL,
    cost_of_goods NUMBER(18, 4),
    gross_margin NUMBER(18, 4),
    revenue_per_unit DOUBLE,
    is_promo_sale BOOLEAN,
    promo_id VARCHAR,
    is_revenue_anomaly BOOLEAN NOT NULL,
    changed_at TIMESTAMP_NTZ,
    source_date DATE NOT NULL,
    source_file VARCHAR,
    run_id VARCHAR,
    content_hash BIGINT NOT NULL
) CLUSTER BY (date_key, sku_key);

CREATE TABLE IF NOT EXISTS DW.FACT_INVENTORY (
    sku_key BIGINT NOT NULL,
    geo_key BIGINT NOT NULL,
    snapshot_date DATE NOT NULL,
    date_key INT NOT NULL,
    opening_stock BIGINT,
    closing_stock BIGINT,
    reorder_point BIGINT,
    days_of_supply DOUBLE,
    stockout_flag BOOLEAN NOT NULL,
    overstock_flag BOOLEAN NOT NULL,
    source_date DATE NOT NULL,
    source_file VARCHAR,
    run_id VARCHAR,
    content_hash BIGINT NOT NULL
) CLUSTER BY (date_key, sku_key);

CREATE TABLE IF NOT EXISTS DW.FACT_MARKET (
    week_start DATE NOT NULL,
    week VARCHAR NOT NULL,
    date_key INT NOT NULL,
    geo_key BIGINT NOT NULL,
    category VARCHAR NOT NULL,
    brand VARCHAR NOT NULL,
    units BIGINT,
    value NUMBER(18, 4),
    unit_share DOUBLE,
    value_share DOUBLE,
    distribution_pct DOUBLE,
    source_date DATE NOT NULL,
    source_file VARCHAR,
    run_id VARCHAR,
    content_hash BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS DW.FACT_PROMOTION (
    promo_id VARCHAR NOT NULL,
    sku_key BIGINT NOT NULL,
    geo_key BIGINT NOT NULL,
    week_start DATE NOT NULL,
    date_key INT NOT NULL,
    promo_type VARCHAR,
    promo_discount_pct DOUBLE,
    is_promoted BOOLEAN,
    planned_spend NUMBER(18, 4),
    is_withdrawn BOOLEAN NOT NULL,
    source_date DATE NOT NULL,
    source_file VARCHAR,
    run_id VARCHAR,
    content_hash BIGINT NOT NULL
);
