-- The deployer owns schemas, tables and views. On an account of an earlier release, where the flows' role owned them, they
-- change hands here, and what that role needs no longer is taken away. On a new account the schemas alone are there.
-- First, so that an administrator still reaches what is handed over.
GRANT ROLE {{ database }}_DEPLOYER TO ROLE SYSADMIN;
{% for schema in ("RAW", "CURATED", "STAGE", "DW", "MARTS", "MARKETING_STAGE", "ML_OUTPUTS", "MONITORING", "MIGRATIONS") %}
GRANT OWNERSHIP ON SCHEMA {{ database }}.{{ schema }} TO ROLE {{ database }}_DEPLOYER COPY CURRENT GRANTS;
{% endfor %}
-- The next run of marketing-engagement makes them again, as the transformer's.
DROP TABLE IF EXISTS {{ database }}.MARTS.ENGAGEMENT_DAILY;
DROP TABLE IF EXISTS {{ database }}.MARTS.ENGAGEMENT_FUNNEL;
{% for schema in ("RAW", "CURATED", "STAGE", "DW", "MARTS", "ML_OUTPUTS", "MONITORING") %}
GRANT OWNERSHIP ON ALL TABLES IN SCHEMA {{ database }}.{{ schema }} TO ROLE {{ database }}_DEPLOYER COPY CURRENT GRANTS;
{% endfor %}
GRANT OWNERSHIP ON ALL VIEWS IN SCHEMA {{ database }}.MONITORING TO ROLE {{ database }}_DEPLOYER COPY CURRENT GRANTS;

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
