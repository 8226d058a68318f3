-- 2. By an administrator: Snowflake's way into the lake. What it may read there is the role's policy: curated/, ml/ and runs/records/.
USE ROLE ACCOUNTADMIN;
CREATE STORAGE INTEGRATION IF NOT EXISTS HIGHWATER_LAKE
    TYPE = EXTERNAL_STAGE
    STORAGE_PROVIDER = 'S3'
    ENABLED = TRUE
    STORAGE_AWS_ROLE_ARN = '${snowflake_role_arn}'
    STORAGE_ALLOWED_LOCATIONS = ('s3://${lake_bucket}/');
-- Give its STORAGE_AWS_IAM_USER_ARN and STORAGE_AWS_EXTERNAL_ID to the access stack, which trusts nobody until then.
DESC INTEGRATION HIGHWATER_LAKE;
