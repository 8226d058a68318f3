-- What the flows' role of an earlier release needs no longer, now that the deployer owns schemas and tables (A__grants). On a
-- new account there is nothing to take.
REVOKE ROLE ACCOUNTADMIN FROM USER {{ database }}_WORKER;
REVOKE ROLE {{ database }}_ANALYST FROM ROLE {{ database }}_TRANSFORMER;
REVOKE CREATE SCHEMA ON DATABASE {{ database }} FROM ROLE {{ database }}_LOADER;
REVOKE CREATE TABLE, CREATE STAGE ON SCHEMA {{ database }}.RAW FROM ROLE {{ database }}_LOADER;
REVOKE CREATE TABLE, CREATE STAGE ON SCHEMA {{ database }}.CURATED FROM ROLE {{ database }}_LOADER;
REVOKE CREATE TABLE ON SCHEMA {{ database }}.DW FROM ROLE {{ database }}_LOADER;
REVOKE CREATE TABLE ON SCHEMA {{ database }}.STAGE FROM ROLE {{ database }}_LOADER;
REVOKE CREATE TABLE, CREATE VIEW ON SCHEMA {{ database }}.MONITORING FROM ROLE {{ database }}_LOADER;
REVOKE DELETE ON ALL TABLES IN SCHEMA {{ database }}.MONITORING FROM ROLE {{ database }}_LOADER;
REVOKE DELETE ON FUTURE TABLES IN SCHEMA {{ database }}.MONITORING FROM ROLE {{ database }}_LOADER;
REVOKE CREATE TABLE ON SCHEMA {{ database }}.ML_OUTPUTS FROM ROLE {{ database }}_TRANSFORMER;
REVOKE OPERATE ON WAREHOUSE {{ database }}_LOAD_WH FROM ROLE {{ database }}_LOADER;
REVOKE OPERATE ON WAREHOUSE {{ database }}_TRANSFORM_WH FROM ROLE {{ database }}_TRANSFORMER;
REVOKE USAGE ON INTEGRATION {{ database }}_LAKE FROM ROLE {{ database }}_LOADER;

-- The account's history began anew in {{ database }}.ADMIN: all of the earlier one's files could be applied twice.
DROP TABLE IF EXISTS {{ database }}.MONITORING.ACCOUNT_CHANGE_HISTORY;
