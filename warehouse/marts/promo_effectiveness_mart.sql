-- What each promotion brought, per SKU and region. Columns in the order of the table (V0005).
--
-- baseline: mean weekly units of the unpromoted weeks among the 8 before the promotion's first week. A week without sales
-- counts as zero once the series has begun; weeks before its first sale are no weeks. No such week: no baseline, and
-- everything that would rest on it is null, not zero.
-- incremental margin: margin of the units sold less margin of the units that the baseline would have sold, each at the unit
-- margin of the lines whose cost is known in its own weeks.
-- A line of the calendar is promoted unless it says that it is not.
-- Weeks are Mondays (DIM_DATE.week_start). Only weeks that have begun by the last sale in the warehouse are measured.
INSERT OVERWRITE INTO MARTS.PROMO_EFFECTIVENESS_MART
WITH horizon AS (
    SELECT MAX(order_date) AS last_sale
    FROM DW.FACT_SALES
),
lines AS (
    SELECT promo_id, sku_key, geo_key, week_start, promo_type, promo_discount_pct, planned_spend
    FROM DW.FACT_PROMOTION
    WHERE COALESCE(is_promoted, TRUE) AND NOT is_withdrawn
),
weekly AS (
    SELECT f.sku_key, f.geo_key, d.week_start,
        SUM(f.quantity) AS units,
        SUM(f.net_revenue) AS net_revenue,
        SUM(IFF(f.gross_margin IS NULL, NULL, f.quantity)) AS costed_units,
        SUM(f.gross_margin) AS gross_margin
    FROM DW.FACT_SALES f
    JOIN DW.DIM_DATE d ON d.date_key = f.date_key
    WHERE EXISTS (SELECT 1 FROM lines l WHERE l.sku_key = f.sku_key AND l.geo_key = f.geo_key)
    GROUP BY f.sku_key, f.geo_key, d.week_start
),
series AS (
    SELECT sku_key, geo_key, MIN(week_start) AS first_sold
    FROM weekly
    GROUP BY sku_key, geo_key
),
promotions AS (
    SELECT promo_id, sku_key, geo_key,
        MIN(promo_type) AS promo_type,
        AVG(promo_discount_pct) AS promo_discount_pct,
        MIN(week_start) AS first_week,
        MAX(week_start) AS last_week,
        COUNT(*) AS weeks
    FROM lines
    GROUP BY promo_id, sku_key, geo_key
),
achieved AS (
    SELECT l.promo_id, l.sku_key, l.geo_key,
        COUNT(*) AS weeks_started,
        SUM(l.planned_spend) AS spend,
        COALESCE(SUM(w.units), 0) AS units,
        COALESCE(SUM(w.net_revenue), 0) AS net_revenue,
        SUM(w.costed_units) AS costed_units,
        SUM(w.gross_margin) AS gross_margin
    FROM lines l
    JOIN horizon h ON l.week_start <= h.last_sale
    LEFT JOIN weekly w ON w.sku_key = l.sku_key AND w.geo_key = l.geo_key AND w.week_start = l.week_start
    GROUP BY l.promo_id, l.sku_key, l.geo_key
),
weeks_before AS (
    SELECT column1 AS weeks_back
    FROM VALUES (1), (2), (3), (4), (5), (6), (7), (8)
),
unpromoted AS (
    SELECT p.promo_id, p.sku_key, p.geo_key, DATEADD(day, -7 * b.weeks_back, p.first_week)::DATE AS week_start
    FROM promotions p
    CROSS JOIN weeks_before b
    JOIN series s ON s.sku_key = p.sku_key AND s.geo_key = p.geo_key
    LEFT JOIN (SELECT DISTINCT sku_key, geo_key, week_start FROM lines) promoted
        ON promoted.sku_key = p.sku_key AND promoted.geo_key = p.geo_key
        AND promoted.week_start = DATEADD(day, -7 * b.weeks_back, p.first_week)::DATE
    JOIN horizon h ON DATEADD(day, -7 * b.weeks_back, p.first_week)::DATE <= h.last_sale
    WHERE promoted.week_start IS NULL
        AND DATEADD(day, -7 * b.weeks_back, p.first_week)::DATE >= s.first_sold
),
baseline AS (
    SELECT u.promo_id, u.sku_key, u.geo_key,
        COUNT(*) AS weeks,
        COALESCE(SUM(w.units), 0)::DOUBLE / COUNT(*) AS weekly_units,
        SUM(w.costed_units) AS costed_units,
        SUM(w.gross_margin) AS gross_margin
    FROM unpromoted u
    LEFT JOIN weekly w ON w.sku_key = u.sku_key AND w.geo_key = u.geo_key AND w.week_start = u.week_start
    GROUP BY u.promo_id, u.sku_key, u.geo_key
),
measured AS (
    SELECT p.promo_id, p.sku_key, p.geo_key, p.promo_type, p.promo_discount_pct, p.first_week, p.last_week, p.weeks,
        COALESCE(a.weeks_started, 0) AS weeks_started,
        h.last_sale,
        a.units, a.net_revenue, a.spend,
        COALESCE(b.weeks, 0) AS baseline_weeks,
        b.weekly_units AS baseline_weekly_units,
        b.weekly_units * a.weeks_started AS baseline_units,
        IFF(a.units = 0, 0, a.units * a.gross_margin::DOUBLE / NULLIF(a.costed_units, 0)) AS margin,
        IFF(b.weekly_units = 0, 0,
            b.weekly_units * a.weeks_started * b.gross_margin::DOUBLE / NULLIF(b.costed_units, 0)) AS baseline_margin
    FROM promotions p
    CROSS JOIN horizon h
    LEFT JOIN achieved a ON a.promo_id = p.promo_id AND a.sku_key = p.sku_key AND a.geo_key = p.geo_key
    LEFT JOIN baseline b ON b.promo_id = p.promo_id AND b.sku_key = p.sku_key AND b.geo_key = p.geo_key
)
SELECT
    m.promo_id,
    k.sku_code,
    g.region_code,
    m.sku_key,
    m.geo_key,
    k.brand,
    k.category,
    m.promo_type,
    m.promo_discount_pct,
    m.first_week,
    m.last_week,
    m.weeks,
    m.weeks_started,
    COALESCE(m.last_sale >= DATEADD(day, 6, m.last_week)::DATE, FALSE) AS is_complete,
    m.units,
    m.net_revenue,
    m.baseline_weeks,
    m.baseline_weeks > 0 AS has_baseline,
    m.baseline_weekly_units,
    m.baseline_units,
    m.units - m.baseline_units AS uplift_units,
    100 * (m.units - m.baseline_units) / NULLIF(m.baseline_units, 0) AS uplift_pct,
    m.margin - m.baseline_margin AS incremental_margin,
    m.spend,
    (m.margin - m.baseline_margin - m.spend) / NULLIF(m.spend, 0) AS roi
FROM measured m
JOIN DW.DIM_SKU k ON k.sku_key = m.sku_key
JOIN DW.DIM_GEOGRAPHY g ON g.geo_key = m.geo_key
