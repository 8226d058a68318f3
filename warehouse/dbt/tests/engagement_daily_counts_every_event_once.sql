{# A warning only: a load that commits between the mart and this test makes a difference too. #}
{{ config(severity='warn') }}
SELECT events.events, daily.events AS counted
FROM (SELECT COUNT(*) AS events FROM {{ ref('click_events') }}) AS events
CROSS JOIN (SELECT COALESCE(SUM(events), 0) AS events FROM {{ ref('engagement_daily') }}) AS daily
WHERE events.events <> daily.events
