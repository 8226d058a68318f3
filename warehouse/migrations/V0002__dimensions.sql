-- Keys are hashes of the natural key and come with the rows, so that any order of loads gives the same keys.
-- No PRIMARY KEY: Snowflake would not enforce it, the local stand-in would. The MERGEs keep keys unique.
CREATE TABLE IF NOT EXISTS DW.DIM_SKU (
    sku_key BIGINT NOT NULL,
    sku_code VARCHAR NOT NULL,
    sku_name VARCHAR,
    brand VARCHAR,
    category VARCHAR,
    sub_category VARCHAR,
    pack_size VARCHAR,
    pack_type VARCHAR,
    mrp NUMBER(18, 4),
    is_active BOOLEAN,
    launch_date DATE,
    discontinue_date DATE,
    is_inferred BOOLEAN NOT NULL,
    source_date DATE,
    source_file VARCHAR,
    run_id VARCHAR,
    content_hash BIGINT,
    created_at TIMESTAMP_NTZ NOT NULL,
    updated_at TIMESTAMP_NTZ NOT NULL
);

CREATE TABLE IF NOT EXISTS DW.DIM_GEOGRAPHY (
    geo_key BIGINT NOT NULL,
    region_code VARCHAR NOT NULL,
    region_name VARCHAR,
    zone VARCHAR,
    state VARCHAR,
    city_tier VARCHAR,
    population BIGINT,
    is_inferred BOOLEAN NOT NULL,
    source_date DATE,
    source_file VARCHAR,
    run_id VARCHAR,
    content_hash BIGINT,
    created_at TIMESTAMP_NTZ NOT NULL,
    updated_at TIMESTAMP_NTZ NOT NULL
);

CREATE TABLE IF NOT EXISTS DW.DIM_CUSTOMER (
    customer_key BIGINT NOT NULL,
    customer_id VARCHAR NOT NULL,
    customer_name VARCHAR,
    customer_type VARCHAR,
    channel VARCHAR,
    account_manager VARCHAR,
    credit_limit NUMBER(18, 4),
    is_inferred BOOLEAN NOT NULL,
    source_date DATE,
    source_file VARCHAR,
    run_id VARCHAR,
    content_hash BIGINT,
    created_at TIMESTAMP_NTZ NOT NULL,
    updated_at TIMESTAMP_NTZ NOT NULL
);

-- Filled by R__dim_date.sql.
CREATE TABLE IF NOT EXISTS DW.DIM_DATE (
    date_key INT NOT NULL,
    full_date DATE NOT NULL,
    year INT NOT NULL,
    quarter INT NOT NULL,
    month INT NOT NULL,
    month_name VARCHAR NOT NULL,
    day_of_month INT NOT NULL,
    day_of_year INT NOT NULL,
    day_of_week INT NOT NULL,
    day_name VARCHAR NOT NULL,
    iso_year INT NOT NULL,
    iso_week INT NOT NULL,
    week_start DATE NOT NULL,
    is_weekend BOOLEAN NOT NULL,
    is_holiday BOOLEAN NOT NULL,
    holiday_name VARCHAR,
    fiscal_year INT NOT NULL,
    fiscal_quarter INT NOT NULL,
    fiscal_month INT NOT NULL,
    is_festive_season BOOLEAN NOT NULL
);
