-- Sales per day and store. Columns in the order of the table (V0012).
-- The filter chooses whole days of stores, or whole stores (refresh.py).
SELECT
    s.sale_date,
    s.store_token,
    t.store_name,
    t.store_group,
    COUNT(*) AS transactions,
    COUNT(DISTINCT s.receipt_token) AS receipts,
    SUM(s.amount) AS amount,
    SUM(LEAST(s.amount, 0)) AS returns_amount
FROM (
    SELECT store_token, receipt_token, amount, transaction_time::DATE AS sale_date
    FROM STAGE.SALES
) s
LEFT JOIN STAGE.STORES t ON t.store_token = s.store_token
WHERE {scope}
GROUP BY s.sale_date, s.store_token, t.store_name, t.store_group
-- In the order of the days, so that a refresh of some days reads and writes few partitions.
ORDER BY s.sale_date
