-- The ten stores with the greatest amount of each month, from the daily mart.
SELECT month, place AS rank, store_token, amount
FROM (
    SELECT
        s.month,
        s.store_token,
        SUM(s.amount) AS amount,
        ROW_NUMBER() OVER (PARTITION BY s.month ORDER BY SUM(s.amount) DESC, s.store_token) AS place
    FROM (
        SELECT DATE_TRUNC('MONTH', sale_date)::DATE AS month, store_token, amount
        FROM MARTS.RETAIL_DAILY_SALES
    ) s
    WHERE {scope}
    GROUP BY s.month, s.store_token
) ranked
WHERE place <= 10
ORDER BY month, place
