CREATE SCHEMA IF NOT EXISTS STAGE;

-- Every row of every file that was loaded, as the contract reads it. A row's version is (batch_date, received_at, source_file,
-- version_id, line_number): the greatest one of a key is in STAGE.
CREATE TABLE IF NOT EXISTS RAW.SALES (
    store_token VARCHAR NOT NULL,
    transaction_id VARCHAR NOT NULL,
    receipt_token VARCHAR NOT NULL,
    transaction_time TIMESTAMP_NTZ NOT NULL COMMENT 'UTC',
    amount NUMBER(18, 2) NOT NULL COMMENT 'negative: a return',
    user_role VARCHAR,
    batch_date DATE NOT NULL COMMENT 'of the file name; later when the same content arrived again under a later date',
    received_at TIMESTAMP_NTZ NOT NULL COMMENT 'UTC; with source_file and version_id, the first arrival of this content',
    source_file VARCHAR NOT NULL COMMENT 'key in the inbox bucket',
    version_id VARCHAR NOT NULL COMMENT 'of the object',
    line_number BIGINT NOT NULL COMMENT 'in the unpacked file, the first is 1',
    file_hash VARCHAR NOT NULL COMMENT 'SHA-256 of the object that was loaded',
    load_id VARCHAR NOT NULL COMMENT 'of (source_file, version_id): the same however often the load is tried',
    loaded_at TIMESTAMP_NTZ NOT NULL
) CLUSTER BY (load_id);

CREATE TABLE IF NOT EXISTS RAW.STORES (
    store_group VARCHAR,
    store_token VARCHAR NOT NULL,
    store_name VARCHAR NOT NULL,
    batch_date DATE NOT NULL,
    received_at TIMESTAMP_NTZ NOT NULL,
    source_file VARCHAR NOT NULL,
    version_id VARCHAR NOT NULL,
    line_number BIGINT NOT NULL,
    file_hash VARCHAR NOT NULL,
    load_id VARCHAR NOT NULL,
    loaded_at TIMESTAMP_NTZ NOT NULL
) CLUSTER BY (load_id);

-- Rows of loaded files that broke the contract, or were no row at all.
CREATE TABLE IF NOT EXISTS RAW.QUARANTINED_ROWS (
    kind VARCHAR NOT NULL,
    batch_date DATE NOT NULL,
    received_at TIMESTAMP_NTZ NOT NULL,
    source_file VARCHAR NOT NULL,
    version_id VARCHAR NOT NULL,
    load_id VARCHAR NOT NULL,
    record_number BIGINT NOT NULL,
    line_number BIGINT NOT NULL,
    byte_offset BIGINT NOT NULL COMMENT 'in the unpacked file, in its own encoding',
    raw_line VARCHAR NOT NULL,
    reasons VARCHAR NOT NULL COMMENT 'such as amount:type; several are separated by commas',
    loaded_at TIMESTAMP_NTZ NOT NULL
);

CREATE TABLE IF NOT EXISTS STAGE.SALES (
    store_token VARCHAR NOT NULL,
    transaction_id VARCHAR NOT NULL,
    receipt_token VARCHAR NOT NULL,
    transaction_time TIMESTAMP_NTZ NOT NULL,
    amount NUMBER(18, 2) NOT NULL,
    user_role VARCHAR,
    batch_date DATE NOT NULL,
    received_at TIMESTAMP_NTZ NOT NULL,
    source_file VARCHAR NOT NULL,
    version_id VARCHAR NOT NULL,
    line_number BIGINT NOT NULL,
    load_id VARCHAR NOT NULL
);

CREATE TABLE IF NOT EXISTS STAGE.STORES (
    store_group VARCHAR,
    store_token VARCHAR NOT NULL,
    store_name VARCHAR NOT NULL,
    batch_date DATE NOT NULL,
    received_at TIMESTAMP_NTZ NOT NULL,
    source_file VARCHAR NOT NULL,
    version_id VARCHAR NOT NULL,
    line_number BIGINT NOT NULL,
    load_id VARCHAR NOT NULL
);

-- What became of each object version of the inbox. records = header_lines + rows_loaded + rows_quarantined + blank_lines.
CREATE TABLE IF NOT EXISTS MONITORING.INBOX_FILES (
    source_file VARCHAR NOT NULL COMMENT 'key in the inbox bucket',
    version_id VARCHAR NOT NULL,
    file_hash VARCHAR COMMENT 'SHA-256 of the object',
    content_hash VARCHAR COMMENT 'SHA-256 of the unpacked content: files with the same one are the same',
    kind VARCHAR,
    batch_date DATE,
    received_at TIMESTAMP_NTZ NOT NULL COMMENT 'LastModified of the object version, UTC',
    status VARCHAR NOT NULL COMMENT 'waiting, loaded, unchanged, refused',
    encoding VARCHAR,
    delimiter VARCHAR,
    header_lines BIGINT,
    blank_lines BIGINT,
    records BIGINT,
    rows_loaded BIGINT COMMENT 'unchanged: the rows of the same content that was loaded before',
    rows_quarantined BIGINT COMMENT 'refused: every row of the file',
    message VARCHAR,
    history_file VARCHAR COMMENT 'where the file was moved to',
    load_id VARCHAR,
    contract_version VARCHAR,
    run_id VARCHAR NOT NULL,
    finished_at TIMESTAMP_NTZ
);

-- What the loads changed and no refresh of the retail marts has covered yet.
CREATE TABLE IF NOT EXISTS STAGE.RETAIL_CHANGES (
    store_token VARCHAR NOT NULL,
    day DATE COMMENT 'a day whose sales changed; null: the store itself changed, and with it all its days'
);

-- Each store's sales of all time: a refresh reads those of the changed stores again, and ranks all stores by these.
CREATE TABLE IF NOT EXISTS STAGE.RETAIL_STORE_TOTALS (
    store_token VARCHAR NOT NULL,
    first_sale DATE NOT NULL,
    last_sale DATE NOT NULL,
    transactions BIGINT NOT NULL,
    receipts BIGINT NOT NULL,
    amount NUMBER(38, 2) NOT NULL
);

-- One row at most: by which rules the retail marts were computed. Another release's rules make a refresh a rebuild.
CREATE TABLE IF NOT EXISTS STAGE.RETAIL_MART_STATE (
    rules VARCHAR NOT NULL COMMENT 'a hash of the statements of the marts',
    rebuilt_at TIMESTAMP_NTZ NOT NULL
);

CREATE TABLE IF NOT EXISTS MARTS.RETAIL_DAILY_SALES (
    sale_date DATE NOT NULL COMMENT 'UTC',
    store_token VARCHAR NOT NULL,
    store_name VARCHAR COMMENT 'null until the store comes',
    store_group VARCHAR,
    transactions BIGINT NOT NULL,
    receipts BIGINT NOT NULL COMMENT 'distinct receipt_token of the day',
    amount NUMBER(38, 2) NOT NULL COMMENT 'net of returns',
    returns_amount NUMBER(38, 2) NOT NULL COMMENT 'sum of the negative amounts'
);

CREATE TABLE IF NOT EXISTS MARTS.RETAIL_STORE_PERFORMANCE (
    store_token VARCHAR NOT NULL,
    store_name VARCHAR,
    store_group VARCHAR,
    first_sale DATE NOT NULL,
    last_sale DATE NOT NULL,
    transactions BIGINT NOT NULL,
    amount NUMBER(38, 2) NOT NULL,
    average_receipt DOUBLE NOT NULL COMMENT 'amount / distinct receipts of the store',
    rank_in_group BIGINT NOT NULL COMMENT 'by amount, then store_token; stores without a group rank among themselves'
);

CREATE TABLE IF NOT EXISTS MARTS.RETAIL_TOP_STORES (
    month DATE NOT NULL COMMENT 'its first day',
    rank BIGINT NOT NULL COMMENT 'by amount, then store_token; the first ten',
    store_token VARCHAR NOT NULL,
    amount NUMBER(38, 2) NOT NULL
);

-- As MONITORING.WRITE_LOCK, for what changes RAW, STAGE and the marts of the retail inbox.
CREATE TABLE IF NOT EXISTS MONITORING.RETAIL_WRITE_LOCK (
    held_by VARCHAR NOT NULL COMMENT 'the last transaction that had it',
    held_since TIMESTAMP_NTZ NOT NULL
);

INSERT INTO MONITORING.RETAIL_WRITE_LOCK (held_by, held_since)
SELECT 'nobody', CURRENT_TIMESTAMP()
WHERE NOT EXISTS (SELECT 1 FROM MONITORING.RETAIL_WRITE_LOCK);
