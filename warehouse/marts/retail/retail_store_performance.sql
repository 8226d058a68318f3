-- Each store's sales of all time, and its place in its group. Stores without a group, or not known yet, are a group too.
SELECT
    s.store_token,
    t.store_name,
    t.store_group,
    s.first_sale,
    s.last_sale,
    s.transactions,
    s.amount,
    s.amount::DOUBLE / s.receipts AS average_receipt,
    ROW_NUMBER() OVER (PARTITION BY t.store_group ORDER BY s.amount DESC, s.store_token) AS rank_in_group
FROM STAGE.RETAIL_STORE_TOTALS s
LEFT JOIN STAGE.STORES t ON t.store_token = s.store_token
