-- From where service users may log in, and for how long a table can be restored (docs/operate.md).
ALTER USER {{ database }}_WORKER SET NETWORK_POLICY = {{ database }}_NAT;
ALTER USER {{ database }}_DEPLOY SET NETWORK_POLICY = {{ database }}_MIGRATIONS;

ALTER DATABASE {{ database }} SET DATA_RETENTION_TIME_IN_DAYS = 14;
-- Made anew each day from what is kept for longer.
ALTER SCHEMA {{ database }}.MARTS SET DATA_RETENTION_TIME_IN_DAYS = 1;
