{{ config(alias='ENGAGEMENT_FUNNEL') }}
{%- set steps = var('funnel_steps') %}
-- A user is at a step of a day if he did it, that day, not before he was first at the step before it.
WITH days AS (
    SELECT DISTINCT event_date FROM {{ ref('click_events') }}
),
{% for step in steps %}
at_{{ loop.index }} AS (
    SELECT events.event_date, events.user_id, MIN(events.event_timestamp) AS since
    FROM {{ ref('click_events') }} AS events
    {%- if not loop.first %}
    JOIN at_{{ loop.index - 1 }} AS earlier
        ON earlier.event_date = events.event_date AND earlier.user_id = events.user_id
        AND events.event_timestamp >= earlier.since
    {%- endif %}
    WHERE events.event_type = {{ dbt.string_literal(dbt.escape_single_quotes(step)) }} AND events.user_id IS NOT NULL
    GROUP BY events.event_date, events.user_id
),
{%- endfor %}
counted AS (
{%- for step in steps %}
    SELECT
        days.event_date AS day, {{ loop.index }} AS step_number,
        {{ dbt.string_literal(dbt.escape_single_quotes(step)) }} AS step, COUNT(reached.user_id) AS users
    FROM days LEFT JOIN at_{{ loop.index }} AS reached ON reached.event_date = days.event_date
    GROUP BY days.event_date
    {% if not loop.last %}UNION ALL{% endif %}
{%- endfor %}
)
SELECT
    counted.day, counted.step_number, counted.step, counted.users,
    counted.users / NULLIF(first_step.users, 0)::DOUBLE AS rate
FROM counted
JOIN counted AS first_step ON first_step.day = counted.day AND first_step.step_number = 1
