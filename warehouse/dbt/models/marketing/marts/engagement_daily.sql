{{ config(alias='ENGAGEMENT_DAILY') }}
SELECT
    events.event_date,
    customers.region,
    events.event_type,
    COUNT(*) AS events,
    COUNT(DISTINCT events.user_id) AS users,
    COUNT(DISTINCT events.session_id) AS sessions,
    MEDIAN(events.duration_ms)::DOUBLE AS median_duration_ms
FROM {{ ref('click_events') }} AS events
LEFT JOIN {{ ref('customers') }} AS customers ON customers.customer_key = events.customer_key
GROUP BY events.event_date, customers.region, events.event_type
