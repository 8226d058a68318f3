CREATE TABLE IF NOT EXISTS MONITORING.PIPELINE_RUNS (
    run_id VARCHAR NOT NULL,
    flow VARCHAR NOT NULL,
    run_date DATE,
    parameters VARCHAR COMMENT 'JSON',
    status VARCHAR NOT NULL,
    rows_raw BIGINT,
    rows_published BIGINT,
    rows_superseded BIGINT,
    rows_quarantined BIGINT,
    external_job_ids VARCHAR COMMENT 'JSON list',
    started_at TIMESTAMP_NTZ,
    ended_at TIMESTAMP_NTZ,
    message VARCHAR
);

CREATE TABLE IF NOT EXISTS MONITORING.RUN_DATASETS (
    run_id VARCHAR NOT NULL,
    flow VARCHAR NOT NULL,
    run_date DATE,
    dataset VARCHAR NOT NULL,
    rows_raw BIGINT,
    rows_published BIGINT,
    rows_superseded BIGINT,
    rows_quarantined BIGINT,
    status VARCHAR,
    started_at TIMESTAMP_NTZ,
    ended_at TIMESTAMP_NTZ
);

CREATE TABLE IF NOT EXISTS MONITORING.DQ_RESULTS (
    run_id VARCHAR NOT NULL,
    run_date DATE,
    dataset VARCHAR NOT NULL,
    metric VARCHAR NOT NULL,
    value DOUBLE,
    threshold DOUBLE,
    passed BOOLEAN
);

-- The Iceberg snapshots of curated.<dataset> that the DW holds: a load replays those that come after.
CREATE TABLE IF NOT EXISTS MONITORING.LOADS (
    dataset VARCHAR NOT NULL,
    snapshot_id BIGINT NOT NULL,
    sequence_number BIGINT NOT NULL,
    run_id VARCHAR NOT NULL,
    files BIGINT NOT NULL,
    rows_staged BIGINT NOT NULL,
    loaded_at TIMESTAMP_NTZ NOT NULL
);
