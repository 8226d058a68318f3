SELECT later.day, later.step, later.users, earlier.users AS earlier_users
FROM {{ ref('engagement_funnel') }} AS later
JOIN {{ ref('engagement_funnel') }} AS earlier
    ON earlier.day = later.day AND earlier.step_number = later.step_number - 1
WHERE later.users > earlier.users
