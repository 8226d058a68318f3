{{ config(alias='CLICK_EVENTS') }}
SELECT
    event_id,
    user_id,
    customer_key,
    session_id,
    event_type,
    event_timestamp,
    event_timestamp::DATE AS event_date,
    duration_ms,
    is_late
FROM {{ source('dw', 'FACT_CLICK_EVENTS') }}
