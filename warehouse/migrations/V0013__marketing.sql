-- What the last run read, whole: both tables are replaced in one transaction.
CREATE TABLE IF NOT EXISTS RAW.RAW_CUSTOMER_DEMOGRAPHICS (
    customer_id VARCHAR NOT NULL,
    first_name VARCHAR COMMENT 'personal: masked for analysts',
    last_name VARCHAR COMMENT 'personal: masked for analysts',
    email VARCHAR COMMENT 'personal: masked for analysts',
    region VARCHAR,
    signup_date DATE,
    customer_key BIGINT NOT NULL,
    email_hash VARCHAR COMMENT 'HMAC-SHA256 of the address in lower case',
    snapshot_date DATE NOT NULL,
    source_file VARCHAR NOT NULL,
    line_number BIGINT NOT NULL,
    run_id VARCHAR NOT NULL,
    loaded_at TIMESTAMP_NTZ NOT NULL
);

CREATE TABLE IF NOT EXISTS RAW.RAW_CLICKSTREAM_EVENTS (
    event_id VARCHAR NOT NULL,
    user_id VARCHAR,
    event_type VARCHAR NOT NULL,
    page_url VARCHAR,
    duration_ms BIGINT,
    timestamp TIMESTAMP_NTZ NOT NULL COMMENT 'UTC',
    properties VARCHAR COMMENT 'JSON',
    customer_key BIGINT,
    content_hash VARCHAR NOT NULL COMMENT 'SHA-256 of the canonical JSON of the event',
    source_date DATE NOT NULL COMMENT 'of the partition that delivered it',
    source_file VARCHAR NOT NULL,
    line_number BIGINT NOT NULL,
    run_id VARCHAR NOT NULL,
    loaded_at TIMESTAMP_NTZ NOT NULL
);

CREATE TABLE IF NOT EXISTS DW.DIM_CUSTOMER_PROFILE (
    customer_key BIGINT NOT NULL,
    customer_id VARCHAR NOT NULL,
    first_name VARCHAR COMMENT 'personal: masked for analysts',
    last_name VARCHAR COMMENT 'personal: masked for analysts',
    email VARCHAR COMMENT 'personal: masked for analysts',
    email_hash VARCHAR COMMENT 'HMAC-SHA256 of the address in lower case',
    region VARCHAR,
    signup_date DATE,
    is_active BOOLEAN NOT NULL COMMENT 'in the newest snapshot',
    snapshot_date DATE NOT NULL COMMENT 'of the newest snapshot that has the customer',
    source_file VARCHAR NOT NULL,
    run_id VARCHAR NOT NULL,
    created_at TIMESTAMP_NTZ NOT NULL,
    updated_at TIMESTAMP_NTZ NOT NULL COMMENT 'when anything but snapshot_date changed'
);

CREATE TABLE IF NOT EXISTS DW.FACT_CLICK_EVENTS (
    event_id VARCHAR NOT NULL,
    user_id VARCHAR,
    customer_key BIGINT COMMENT 'of the user, whether a snapshot has him or not; null without a user',
    session_id VARCHAR COMMENT 'SHA-256 of the user and the time of the first event; null without a user',
    event_type VARCHAR NOT NULL,
    page_url VARCHAR,
    event_timestamp TIMESTAMP_NTZ NOT NULL COMMENT 'UTC',
    duration_ms BIGINT,
    is_late BOOLEAN NOT NULL COMMENT 'happened on an earlier day than that of its partition',
    properties VARCHAR COMMENT 'JSON',
    content_hash VARCHAR NOT NULL,
    source_date DATE NOT NULL,
    source_file VARCHAR NOT NULL,
    run_id VARCHAR NOT NULL,
    created_at TIMESTAMP_NTZ NOT NULL,
    updated_at TIMESTAMP_NTZ NOT NULL COMMENT 'when a delivery replaced it, or its session changed'
) CLUSTER BY (event_timestamp::DATE);
