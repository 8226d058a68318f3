-- The snapshot of curated.<dataset> that the DW holds. A load moves it in the transaction of its MERGE, and only from the
-- snapshot that it builds on: of two loads that started from the same one, the second rolls back and looks again.
CREATE TABLE IF NOT EXISTS MONITORING.LOAD_HEADS (
    dataset VARCHAR NOT NULL,
    snapshot_id BIGINT COMMENT 'null: nothing was loaded, or a person wants everything loaded again',
    sequence_number BIGINT,
    run_id VARCHAR,
    moved_at TIMESTAMP_NTZ
);

-- What a warehouse of an earlier release has loaded so far.
INSERT INTO MONITORING.LOAD_HEADS (dataset, snapshot_id, sequence_number, run_id, moved_at)
SELECT loaded.dataset, loaded.snapshot_id, loaded.sequence_number, loaded.run_id, loaded.loaded_at
FROM (
    SELECT *
    FROM MONITORING.LOADS
    QUALIFY ROW_NUMBER() OVER (PARTITION BY dataset ORDER BY sequence_number DESC, loaded_at DESC) = 1
) loaded
LEFT JOIN MONITORING.LOAD_HEADS known ON known.dataset = loaded.dataset
WHERE known.dataset IS NULL;

INSERT INTO MONITORING.LOAD_HEADS (dataset)
SELECT named.dataset
FROM (
    SELECT column1 AS dataset
    FROM VALUES ('sku'), ('geography'), ('customer'), ('sales'), ('inventory'), ('market'), ('promotions')
) named
LEFT JOIN MONITORING.LOAD_HEADS known ON known.dataset = named.dataset
WHERE known.dataset IS NULL;

-- One row. Whoever changes the DW, the marts or the predictions updates it first and keeps it to the end of the transaction.
CREATE TABLE IF NOT EXISTS MONITORING.WRITE_LOCK (
    held_by VARCHAR NOT NULL COMMENT 'the last transaction that had it',
    held_since TIMESTAMP_NTZ NOT NULL
);

INSERT INTO MONITORING.WRITE_LOCK (held_by, held_since)
SELECT 'nobody', CURRENT_TIMESTAMP()
WHERE NOT EXISTS (SELECT 1 FROM MONITORING.WRITE_LOCK);
