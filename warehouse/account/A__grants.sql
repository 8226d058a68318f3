-- Applied every time: what somebody has dropped and the run made anew has its owner and its grants again. Users get roles,
-- never privileges. What a role may no longer do is revoked by a V file.

-- First, so that an administrator still reaches what is handed over.
GRANT ROLE {{ database }}_DEPLOYER TO ROLE SYSADMIN;
GRANT ROLE {{ database }}_TRANSFORMER TO ROLE SYSADMIN;
{% for schema in ("RAW", "CURATED", "STAGE", "DW", "MARTS", "MARKETING_STAGE", "ML_OUTPUTS", "MONITORING", "MIGRATIONS") %}
GRANT OWNERSHIP ON SCHEMA {{ database }}.{{ schema }} TO ROLE {{ database }}_DEPLOYER COPY CURRENT GRANTS;
{% endfor %}
{% for schema in ("RAW", "CURATED", "STAGE", "DW", "ML_OUTPUTS", "MONITORING", "MIGRATIONS") %}
GRANT OWNERSHIP ON ALL TABLES IN SCHEMA {{ database }}.{{ schema }} TO ROLE {{ database }}_DEPLOYER COPY CURRENT GRANTS;
{% endfor %}
GRANT OWNERSHIP ON ALL VIEWS IN SCHEMA {{ database }}.MONITORING TO ROLE {{ database }}_DEPLOYER COPY CURRENT GRANTS;
-- Two marts are dbt's.
{% for mart in marts %}
GRANT OWNERSHIP ON TABLE {{ database }}.MARTS."{{ mart | replace('"', '""') }}"
    TO ROLE {{ database }}_{{ "TRANSFORMER" if mart in ("ENGAGEMENT_DAILY", "ENGAGEMENT_FUNNEL") else "DEPLOYER" }}
    COPY CURRENT GRANTS;
{% endfor %}
GRANT OWNERSHIP ON ALL VIEWS IN SCHEMA {{ database }}.MARKETING_STAGE TO ROLE {{ database }}_TRANSFORMER COPY CURRENT GRANTS;

GRANT ROLE {{ database }}_LOADER TO ROLE {{ database }}_TRANSFORMER;
GRANT ROLE {{ database }}_READER TO ROLE {{ database }}_ANALYST;
GRANT ROLE {{ database }}_ANALYST TO ROLE SYSADMIN;
GRANT ROLE {{ database }}_TRANSFORMER TO USER {{ database }}_WORKER;
GRANT ROLE {{ database }}_DEPLOYER TO USER {{ database }}_DEPLOY;

GRANT USAGE ON WAREHOUSE {{ database }}_LOAD_WH TO ROLE {{ database }}_DEPLOYER;
GRANT USAGE ON WAREHOUSE {{ database }}_LOAD_WH TO ROLE {{ database }}_LOADER;
GRANT USAGE ON WAREHOUSE {{ database }}_TRANSFORM_WH TO ROLE {{ database }}_TRANSFORMER;
GRANT USAGE ON WAREHOUSE {{ database }}_ANALYTICS_WH TO ROLE {{ database }}_READER;

GRANT USAGE, CREATE SCHEMA ON DATABASE {{ database }} TO ROLE {{ database }}_DEPLOYER;
GRANT USAGE ON DATABASE {{ database }} TO ROLE {{ database }}_LOADER;
GRANT USAGE ON DATABASE {{ database }} TO ROLE {{ database }}_READER;

{% macro granted(privileges, kind, schema, role) %}
GRANT {{ privileges }} ON ALL {{ kind }} IN SCHEMA {{ database }}.{{ schema }} TO ROLE {{ database }}_{{ role }};
GRANT {{ privileges }} ON FUTURE {{ kind }} IN SCHEMA {{ database }}.{{ schema }} TO ROLE {{ database }}_{{ role }};
{% endmacro %}
-- Staging tables are temporary, which needs no more than the schema's USAGE.
{% for schema in ("RAW", "CURATED", "STAGE", "DW") %}
GRANT USAGE ON SCHEMA {{ database }}.{{ schema }} TO ROLE {{ database }}_LOADER;
{{ granted("SELECT, INSERT, UPDATE, DELETE", "TABLES", schema, "LOADER") }}
{% endfor %}
GRANT USAGE ON STAGE {{ database }}.CURATED.LAKE TO ROLE {{ database }}_LOADER;
GRANT USAGE ON SCHEMA {{ database }}.MONITORING TO ROLE {{ database }}_LOADER;
{{ granted("SELECT, INSERT, UPDATE", "TABLES", "MONITORING", "LOADER") }}

-- CREATE for dbt, which makes its views and its two marts anew each day and owns nothing else.
GRANT USAGE, CREATE VIEW ON SCHEMA {{ database }}.MARKETING_STAGE TO ROLE {{ database }}_TRANSFORMER;
GRANT USAGE, CREATE TABLE ON SCHEMA {{ database }}.MARTS TO ROLE {{ database }}_TRANSFORMER;
{{ granted("SELECT, INSERT, DELETE", "TABLES", "MARTS", "TRANSFORMER") }}
GRANT USAGE ON SCHEMA {{ database }}.ML_OUTPUTS TO ROLE {{ database }}_TRANSFORMER;
{{ granted("SELECT, INSERT, UPDATE, DELETE", "TABLES", "ML_OUTPUTS", "TRANSFORMER") }}

GRANT USAGE ON SCHEMA {{ database }}.MARTS TO ROLE {{ database }}_READER;
{{ granted("SELECT", "TABLES", "MARTS", "READER") }}

{% for schema in ("RAW", "STAGE", "DW", "ML_OUTPUTS", "MONITORING") %}
GRANT USAGE ON SCHEMA {{ database }}.{{ schema }} TO ROLE {{ database }}_ANALYST;
{{ granted("SELECT", "TABLES", schema, "ANALYST") }}
{% endfor %}
{{ granted("SELECT", "VIEWS", "MONITORING", "ANALYST") }}
GRANT USAGE ON SCHEMA {{ database }}.MARKETING_STAGE TO ROLE {{ database }}_ANALYST;
{{ granted("SELECT", "VIEWS", "MARKETING_STAGE", "ANALYST") }}
