-- As MONITORING.WRITE_LOCK, for what changes the tables of marketing.
CREATE TABLE IF NOT EXISTS MONITORING.MARKETING_WRITE_LOCK (
    held_by VARCHAR NOT NULL COMMENT 'the last transaction that had it',
    held_since TIMESTAMP_NTZ NOT NULL
);

INSERT INTO MONITORING.MARKETING_WRITE_LOCK (held_by, held_since)
SELECT 'nobody', CURRENT_TIMESTAMP()
WHERE NOT EXISTS (SELECT 1 FROM MONITORING.MARKETING_WRITE_LOCK);

CREATE TABLE IF NOT EXISTS MONITORING.RUN_STEPS (
    run_id VARCHAR NOT NULL,
    flow VARCHAR NOT NULL,
    run_date DATE,
    step VARCHAR NOT NULL,
    status VARCHAR NOT NULL COMMENT 'COMPLETED, FAILED',
    row_count BIGINT COMMENT 'rows that the step read or wrote; null where it has none',
    seconds DOUBLE NOT NULL COMMENT 'with the time that its retries took',
    error VARCHAR,
    started_at TIMESTAMP_NTZ NOT NULL,
    ended_at TIMESTAMP_NTZ NOT NULL
);

-- Steps of the flows that record them, and the datasets of every flow.
CREATE OR REPLACE VIEW MONITORING.INGESTION_LOGS AS
SELECT run_id, flow, run_date, step, status, row_count, seconds, error, started_at, ended_at
FROM MONITORING.RUN_STEPS
UNION ALL
SELECT
    datasets.run_id,
    datasets.flow,
    datasets.run_date,
    'dataset ' || datasets.dataset AS step,
    datasets.status,
    datasets.rows_published AS row_count,
    NULL::DOUBLE AS seconds, -- a dataset has no time of its own
    IFF(datasets.status IN ('published', 'unchanged') OR runs.status IN ('RUNNING', 'COMPLETED'), NULL, runs.message) AS error,
    datasets.started_at,
    datasets.ended_at
FROM MONITORING.RUN_DATASETS datasets
LEFT JOIN MONITORING.PIPELINE_RUNS runs ON runs.run_id = datasets.run_id;

CREATE OR REPLACE VIEW MONITORING.DQ_CHECK_LOGS AS
SELECT
    results.run_id,
    runs.flow,
    results.run_date,
    results.dataset,
    results.metric AS check_name,
    results.value,
    results.threshold,
    results.passed,
    runs.status AS run_status,
    runs.started_at,
    runs.ended_at
FROM MONITORING.DQ_RESULTS results
LEFT JOIN MONITORING.PIPELINE_RUNS runs ON runs.run_id = results.run_id;
