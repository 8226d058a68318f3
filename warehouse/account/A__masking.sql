-- Masks personal data (`personal` in contracts/) for everybody but the loader and the roles above it. Applied every time, not
-- only when this text changes: a table that a later migration makes is masked by the next `migrate --account`.
CREATE MASKING POLICY IF NOT EXISTS {{ database }}.DW.PERSONAL_TEXT AS (val VARCHAR) RETURNS VARCHAR -> '***';
ALTER MASKING POLICY {{ database }}.DW.PERSONAL_TEXT SET BODY ->
    CASE WHEN val IS NULL OR IS_ROLE_IN_SESSION('{{ database }}_LOADER') THEN val ELSE '***' END;

ALTER TABLE IF EXISTS {{ database }}.RAW.RAW_CUSTOMER_DEMOGRAPHICS
    MODIFY COLUMN first_name SET MASKING POLICY {{ database }}.DW.PERSONAL_TEXT FORCE;
ALTER TABLE IF EXISTS {{ database }}.RAW.RAW_CUSTOMER_DEMOGRAPHICS
    MODIFY COLUMN last_name SET MASKING POLICY {{ database }}.DW.PERSONAL_TEXT FORCE;
ALTER TABLE IF EXISTS {{ database }}.RAW.RAW_CUSTOMER_DEMOGRAPHICS
    MODIFY COLUMN email SET MASKING POLICY {{ database }}.DW.PERSONAL_TEXT FORCE;
ALTER TABLE IF EXISTS {{ database }}.DW.DIM_CUSTOMER_PROFILE
    MODIFY COLUMN first_name SET MASKING POLICY {{ database }}.DW.PERSONAL_TEXT FORCE;
ALTER TABLE IF EXISTS {{ database }}.DW.DIM_CUSTOMER_PROFILE
    MODIFY COLUMN last_name SET MASKING POLICY {{ database }}.DW.PERSONAL_TEXT FORCE;
ALTER TABLE IF EXISTS {{ database }}.DW.DIM_CUSTOMER_PROFILE
    MODIFY COLUMN email SET MASKING POLICY {{ database }}.DW.PERSONAL_TEXT FORCE;

-- A quarantined line holds whatever its file holds. Only the kinds that hold no personal data are shown.
CREATE MASKING POLICY IF NOT EXISTS {{ database }}.DW.PERSONAL_LINE AS (val VARCHAR, kind VARCHAR)
    RETURNS VARCHAR -> '***';
ALTER MASKING POLICY {{ database }}.DW.PERSONAL_LINE SET BODY ->
    CASE WHEN kind IN ('sales', 'stores') OR IS_ROLE_IN_SESSION('{{ database }}_LOADER') THEN val ELSE '***' END;

ALTER TABLE IF EXISTS {{ database }}.RAW.QUARANTINED_ROWS
    MODIFY COLUMN raw_line SET MASKING POLICY {{ database }}.DW.PERSONAL_LINE USING (raw_line, kind) FORCE;
