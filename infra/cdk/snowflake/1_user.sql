-- 1. By an administrator, in Snowflake: the database, and the service user that flows log in as. No password, ever.
USE ROLE ACCOUNTADMIN;
CREATE DATABASE IF NOT EXISTS ${database};
-- As warehouse/account makes it: that migration needs one to run in, and the role that made it may use it.
CREATE WAREHOUSE IF NOT EXISTS HIGHWATER_TRANSFORM_WH
    WAREHOUSE_SIZE = 'SMALL' AUTO_SUSPEND = 60 AUTO_RESUME = TRUE INITIALLY_SUSPENDED = TRUE;
CREATE USER IF NOT EXISTS HIGHWATER_WORKER
    TYPE = SERVICE
    DEFAULT_ROLE = HIGHWATER_TRANSFORMER
    DEFAULT_WAREHOUSE = HIGHWATER_TRANSFORM_WH
    ABORT_DETACHED_QUERY = TRUE -- what a killed dbt had begun ends with it
    RSA_PUBLIC_KEY = '${public_key}'
    COMMENT = 'Highwater flows; key pair in Secrets Manager highwater/snowflake';
-- For `python -m warehouse migrate --account` alone; 3_finish.sql takes it away again.
GRANT ROLE ACCOUNTADMIN TO USER HIGHWATER_WORKER;
