{{ config(alias='CUSTOMERS') }}
-- Without names and addresses: what is built on this can't show them.
SELECT customer_key, customer_id, email_hash, region, signup_date, is_active
FROM {{ source('dw', 'DIM_CUSTOMER_PROFILE') }}
