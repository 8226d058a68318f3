-- How much a check matters: CRITICAL keeps rows from being published, WARNING is told, INFO is recorded. Null: not said.
ALTER TABLE MONITORING.DQ_RESULTS ADD COLUMN IF NOT EXISTS level VARCHAR;
