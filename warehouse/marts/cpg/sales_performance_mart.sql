-- Sales as analysts slice them. Columns in the order of the table (V0005, then V0010); docs/marts.md explains them.
-- A line is promoted if is_promo_sale says so; one that says nothing is promoted if it names a promotion. A line that does
-- neither is of unknown kind and counted apart.
-- A line whose cost is unknown has no margin: margin and its percentage are over the lines that have one, and
-- costed_net_revenue says how much revenue that is.
-- The filter chooses the facts: all, or those of the days, articles or regions to compute again (refresh.py). Each row of the
-- mart is of one day, article and region, so that such a choice holds whole rows.
SELECT
    f.date_key,
    d.full_date,
    d.fiscal_year,
    d.fiscal_quarter,
    d.fiscal_month,
    d.year,
    d.month,
    d.iso_year,
    d.iso_week,
    d.is_festive_season,
    k.brand,
    k.category,
    k.sku_code,
    k.pack_size,
    k.pack_type,
    g.zone,
    g.state,
    g.city_tier,
    g.region_code,
    f.channel,
    c.customer_type,
    SUM(f.quantity) AS units,
    SUM(f.net_revenue) AS net_revenue,
    SUM(f.gross_margin) AS gross_margin,
    SUM(IFF(f.gross_margin IS NULL, NULL, f.net_revenue)) AS costed_net_revenue,
    100 * SUM(f.gross_margin)::DOUBLE
        / NULLIF(SUM(IFF(f.gross_margin IS NULL, NULL, f.net_revenue)), 0) AS gross_margin_pct,
    COUNT(DISTINCT f.order_id) AS orders,
    COUNT(DISTINCT f.customer_key) AS customers,
    SUM(IFF(COALESCE(f.is_promo_sale, f.promo_id IS NOT NULL), f.net_revenue, 0)) AS promo_revenue,
    COUNT_IF(f.is_revenue_anomaly) AS anomalies,
    SUM(IFF(f.is_promo_sale IS NULL AND f.promo_id IS NULL, f.net_revenue, 0)) AS promo_unknown_revenue
FROM DW.FACT_SALES f
LEFT JOIN DW.DIM_DATE d ON d.date_key = f.date_key
LEFT JOIN DW.DIM_SKU k ON k.sku_key = f.sku_key
LEFT JOIN DW.DIM_GEOGRAPHY g ON g.geo_key = f.geo_key
LEFT JOIN DW.DIM_CUSTOMER c ON c.customer_key = f.customer_key
WHERE {scope}
GROUP BY
    f.date_key, d.full_date, d.fiscal_year, d.fiscal_quarter, d.fiscal_month, d.year, d.month, d.iso_year, d.iso_week,
    d.is_festive_season, k.brand, k.category, k.sku_code, k.pack_size, k.pack_type, g.zone, g.state, g.city_tier,
    g.region_code, f.channel, c.customer_type
-- In the order of the days, so that a refresh of some days reads and writes few partitions.
ORDER BY f.date_key
