-- Here too, so that the grants (R__grants.sql) can be given before the first migration runs.
CREATE SCHEMA IF NOT EXISTS {{ database }}.RAW;
CREATE SCHEMA IF NOT EXISTS {{ database }}.CURATED;
CREATE SCHEMA IF NOT EXISTS {{ database }}.DW;
CREATE SCHEMA IF NOT EXISTS {{ database }}.MARTS;
CREATE SCHEMA IF NOT EXISTS {{ database }}.ML_OUTPUTS;
CREATE SCHEMA IF NOT EXISTS {{ database }}.MONITORING;
