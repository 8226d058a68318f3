-- From where service users may log in, and for how long a table can be restored (docs/operate.md). Applied every time: a user
-- that is made has its policy from the start (objects.py), one that was there gets it here.
ALTER USER {{ database }}_WORKER SET NETWORK_POLICY = {{ database }}_NAT;
ALTER USER {{ database }}_DEPLOY SET NETWORK_POLICY = {{ database }}_MIGRATIONS;
-- Else a session has all roles of its user, besides the one that it logs in with.
ALTER USER {{ database }}_WORKER SET DEFAULT_SECONDARY_ROLES = ();
ALTER USER {{ database }}_DEPLOY SET DEFAULT_SECONDARY_ROLES = ();

ALTER DATABASE {{ database }} SET DATA_RETENTION_TIME_IN_DAYS = 14;
-- Made anew each day from what is kept for longer.
ALTER SCHEMA {{ database }}.MARTS SET DATA_RETENTION_TIME_IN_DAYS = 1;
