-- What each promotion brought, per SKU and region. Columns in the order of the table (V0005, then V0010); docs/marts.md
-- explains them. Weeks are Mondays (DIM_DATE.week_start). The one value bound is the number of days without stock.
--
-- A line of the calendar is promoted unless it says that it is not. Only weeks that have begun by the last sale in the
-- warehouse are measured. The week of that sale is a running one: the days so far are compared with the same weekdays of the
-- baseline weeks, and count for their share of the week's spend.
-- Baseline: mean units of the unpromoted weeks among the 8 before the promotion's first week. A week without sales counts as
-- zero once the series has begun; weeks before its first sale are no weeks, and neither are those without stock. No such week:
-- no baseline, and everything that would rest on it is null, not zero.
-- A week in which several promotions run counts once. Its baseline is that of the promotion that began first; its units,
-- baseline and margin are shared out by the units of the orders that name each promotion, equally where no order names any.
-- Incremental margin: margin of the units sold less margin of the units that the baseline would have sold, each at the unit
-- margin of the lines whose cost is known in its own weeks.
-- Shares, and what is multiplied by them, are decimals: sums of decimals are exact and the same in any order.
--
-- The rows are those of CURATED.PROMOTIONS_TOUCHED: every promotion, or those to compute again (refresh.py). Facts are read
-- for their weeks and for the baseline weeks of all promotions that share one with them.
WITH horizon AS (
    SELECT last_sale,
        DAYOFWEEKISO(last_sale) AS last_weekday,
        DATEADD(day, 1 - DAYOFWEEKISO(last_sale), last_sale)::DATE AS last_week
    FROM CURATED.MART_STATE
),
lines AS (
    SELECT p.promo_id, p.sku_key, p.geo_key, p.week_start, p.promo_type, p.promo_discount_pct, p.planned_spend
    FROM DW.FACT_PROMOTION p
    JOIN (SELECT DISTINCT sku_key, geo_key FROM CURATED.PROMOTIONS_TOUCHED) t
        ON t.sku_key = p.sku_key AND t.geo_key = p.geo_key
    WHERE COALESCE(p.is_promoted, TRUE) AND NOT p.is_withdrawn
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
promoted AS (
    SELECT DISTINCT sku_key, geo_key, week_start
    FROM lines
),
weeks_before AS (
    SELECT column1 AS weeks_back
    FROM VALUES (1), (2), (3), (4), (5), (6), (7), (8)
),
weeks_touched AS (
    SELECT DISTINCT l.sku_key, l.geo_key, l.week_start
    FROM lines l
    JOIN CURATED.PROMOTIONS_TOUCHED t ON t.promo_id = l.promo_id AND t.sku_key = l.sku_key AND t.geo_key = l.geo_key
),
starts AS (
    SELECT DISTINCT p.sku_key, p.geo_key, p.first_week
    FROM weeks_touched w
    JOIN lines l ON l.sku_key = w.sku_key AND l.geo_key = w.geo_key AND l.week_start = w.week_start
    JOIN promotions p ON p.promo_id = l.promo_id AND p.sku_key = l.sku_key AND p.geo_key = l.geo_key
),
weeks_back_of AS (
    SELECT s.sku_key, s.geo_key, s.first_week, DATEADD(day, -7 * b.weeks_back, s.first_week)::DATE AS week_start
    FROM starts s
    CROSS JOIN weeks_before b
),
weeks_read AS (
    SELECT sku_key, geo_key, week_start FROM weeks_touched
    UNION
    SELECT sku_key, geo_key, week_start FROM weeks_back_of
),
days_read AS (
    SELECT d.date_key, d.week_start, d.day_of_week
    FROM DW.DIM_DATE d
    JOIN (SELECT DISTINCT week_start FROM weeks_read) w ON w.week_start = d.week_start
),
sales AS (
    SELECT f.sku_key, f.geo_key, d.week_start, d.day_of_week, f.quantity, f.net_revenue, f.gross_margin,
        IFF(COALESCE(f.is_promo_sale, TRUE), f.promo_id, NULL) AS promo_id
    FROM DW.FACT_SALES f
    JOIN days_read d ON d.date_key = f.date_key
    JOIN weeks_read w ON w.sku_key = f.sku_key AND w.geo_key = f.geo_key AND w.week_start = d.week_start
),
weekly AS (
    SELECT s.sku_key, s.geo_key, s.week_start,
        SUM(s.quantity) AS units,
        SUM(IFF(s.day_of_week <= h.last_weekday, s.quantity, 0)) AS units_to_weekday,
        SUM(s.net_revenue) AS net_revenue,
        SUM(IFF(s.gross_margin IS NULL, NULL, s.quantity)) AS costed_units,
        SUM(s.gross_margin) AS gross_margin
    FROM sales s
    CROSS JOIN horizon h
    GROUP BY s.sku_key, s.geo_key, s.week_start
),
named AS (
    SELECT promo_id, sku_key, geo_key, week_start, SUM(quantity) AS units
    FROM sales
    WHERE promo_id IS NOT NULL
    GROUP BY promo_id, sku_key, geo_key, week_start
),
out_of_stock AS (
    SELECT i.sku_key, i.geo_key, d.week_start
    FROM DW.FACT_INVENTORY i
    JOIN days_read d ON d.date_key = i.date_key
    JOIN weeks_read w ON w.sku_key = i.sku_key AND w.geo_key = i.geo_key AND w.week_start = d.week_start
    GROUP BY i.sku_key, i.geo_key, d.week_start
    HAVING COUNT_IF(i.stockout_flag) >= %s
),
unpromoted AS (
    SELECT b.sku_key, b.geo_key, b.first_week, b.week_start, o.week_start IS NOT NULL AS is_out_of_stock
    FROM weeks_back_of b
    JOIN CURATED.FIRST_SALES s ON s.sku_key = b.sku_key AND s.geo_key = b.geo_key
        AND DATEADD(day, 6, b.week_start)::DATE >= s.first_sale
    JOIN horizon h ON DATEADD(day, 6, b.week_start)::DATE <= h.last_sale
    LEFT JOIN promoted p ON p.sku_key = b.sku_key AND p.geo_key = b.geo_key AND p.week_start = b.week_start
    LEFT JOIN out_of_stock o ON o.sku_key = b.sku_key AND o.geo_key = b.geo_key AND o.week_start = b.week_start
    WHERE p.week_start IS NULL
),
baseline AS (
    SELECT u.sku_key, u.geo_key, u.first_week,
        COUNT_IF(NOT u.is_out_of_stock) AS weeks,
        COUNT_IF(u.is_out_of_stock) AS stockout_weeks,
        COALESCE(SUM(w.units), 0)::DOUBLE / NULLIF(COUNT_IF(NOT u.is_out_of_stock), 0) AS weekly_units,
        COALESCE(SUM(w.units_to_weekday), 0)::DOUBLE / NULLIF(COUNT_IF(NOT u.is_out_of_stock), 0) AS units_to_weekday,
        SUM(w.gross_margin)::DOUBLE / NULLIF(SUM(w.costed_units), 0) AS unit_margin
    FROM unpromoted u
    LEFT JOIN weekly w ON w.sku_key = u.sku_key AND w.geo_key = u.geo_key AND w.week_start = u.week_start
        AND NOT u.is_out_of_stock
    GROUP BY u.sku_key, u.geo_key, u.first_week
),
sharing AS (
    SELECT l.promo_id, l.sku_key, l.geo_key, l.week_start, l.planned_spend,
        COUNT(*) OVER (PARTITION BY l.sku_key, l.geo_key, l.week_start) AS promotions,
        MIN(p.first_week) OVER (PARTITION BY l.sku_key, l.geo_key, l.week_start) AS first_week,
        n.units AS named_units,
        SUM(n.units) OVER (PARTITION BY l.sku_key, l.geo_key, l.week_start) AS named_units_of_week
    FROM weeks_touched w
    JOIN lines l ON l.sku_key = w.sku_key AND l.geo_key = w.geo_key AND l.week_start = w.week_start
    JOIN promotions p ON p.promo_id = l.promo_id AND p.sku_key = l.sku_key AND p.geo_key = l.geo_key
    LEFT JOIN named n ON n.promo_id = l.promo_id AND n.sku_key = l.sku_key AND n.geo_key = l.geo_key
        AND n.week_start = l.week_start
),
rounded AS (
    SELECT promo_id, sku_key, geo_key, week_start, planned_spend, promotions, first_week,
        IFF(named_units_of_week > 0,
            COALESCE(named_units, 0)::DOUBLE / named_units_of_week,
            1::DOUBLE / promotions)::NUMBER(10, 9) AS share
    FROM sharing
),
-- The largest share takes what rounding left over, so that the shares of a week are 1.
shares AS (
    SELECT promo_id, sku_key, geo_key, week_start, planned_spend, promotions, first_week,
        IFF(ROW_NUMBER() OVER (PARTITION BY sku_key, geo_key, week_start ORDER BY share DESC, promo_id) = 1,
            1 - (SUM(share) OVER (PARTITION BY sku_key, geo_key, week_start) - share),
            share)::NUMBER(10, 9) AS share
    FROM rounded
),
measured AS (
    SELECT l.promo_id, l.sku_key, l.geo_key, l.share,
        l.promotions > 1 AS is_shared,
        o.week_start IS NOT NULL AS is_out_of_stock,
        IFF(l.week_start = h.last_week, h.last_weekday, 7) AS days,
        l.planned_spend,
        COALESCE(w.units, 0)::NUMBER(18, 0) AS units,
        COALESCE(w.net_revenue, 0) AS net_revenue,
        w.costed_units::NUMBER(18, 0) AS costed_units,
        w.gross_margin::NUMBER(24, 4) AS gross_margin,
        COALESCE(b.weeks, 0) AS baseline_weeks,
        COALESCE(b.stockout_weeks, 0) AS baseline_stockout_weeks,
        b.weekly_units AS baseline_weekly_units,
        IFF(l.week_start = h.last_week, b.units_to_weekday, b.weekly_units)::NUMBER(24, 9) * l.share AS baseline_units,
        b.unit_margin AS baseline_unit_margin
    FROM shares l
    JOIN CURATED.PROMOTIONS_TOUCHED t ON t.promo_id = l.promo_id AND t.sku_key = l.sku_key AND t.geo_key = l.geo_key
    JOIN horizon h ON l.week_start <= h.last_sale
    LEFT JOIN weekly w ON w.sku_key = l.sku_key AND w.geo_key = l.geo_key AND w.week_start = l.week_start
    LEFT JOIN out_of_stock o ON o.sku_key = l.sku_key AND o.geo_key = l.geo_key AND o.week_start = l.week_start
    LEFT JOIN baseline b ON b.sku_key = l.sku_key AND b.geo_key = l.geo_key AND b.first_week = l.first_week
),
achieved AS (
    SELECT promo_id, sku_key, geo_key,
        COUNT(*) AS weeks_started,
        SUM(days) AS days_measured,
        COUNT_IF(is_shared) AS shared_weeks,
        COUNT_IF(is_out_of_stock) AS stockout_weeks,
        COUNT_IF(planned_spend IS NULL) AS weeks_without_spend,
        SUM((planned_spend * days / 7)::NUMBER(24, 4)) AS spend,
        SUM(units) AS units,
        SUM(net_revenue) AS net_revenue,
        SUM(units * share) AS attributed_units,
        SUM(costed_units * share) AS costed_units,
        SUM(gross_margin * share) AS gross_margin,
        MIN(baseline_weeks) AS baseline_weeks,
        MAX(baseline_stockout_weeks) AS baseline_stockout_weeks,
        AVG(baseline_weekly_units) AS baseline_weekly_units,
        SUM(baseline_units) AS baseline_units,
        COUNT_IF(baseline_units > 0 AND baseline_unit_margin IS NULL) AS weeks_without_baseline_margin,
        SUM(IFF(baseline_units = 0, 0, baseline_units::DOUBLE * baseline_unit_margin)::NUMBER(34, 9)) AS baseline_margin
    FROM measured
    GROUP BY promo_id, sku_key, geo_key
),
results AS (
    SELECT p.promo_id, p.sku_key, p.geo_key, p.promo_type, p.promo_discount_pct, p.first_week, p.last_week, p.weeks,
        COALESCE(a.weeks_started, 0) AS weeks_started,
        COALESCE(a.days_measured, 0) AS days_measured,
        COALESCE(h.last_sale >= DATEADD(day, 6, p.last_week)::DATE, FALSE) AS is_complete,
        a.units, a.net_revenue, a.spend,
        a.attributed_units::DOUBLE AS attributed_units,
        COALESCE(a.shared_weeks, 0) AS shared_weeks,
        COALESCE(a.stockout_weeks, 0) AS stockout_weeks,
        COALESCE(a.weeks_without_spend, 0) AS weeks_without_spend,
        COALESCE(a.baseline_weeks, b.weeks, 0) AS baseline_weeks,
        COALESCE(a.baseline_stockout_weeks, b.stockout_weeks, 0) AS baseline_stockout_weeks,
        IFF(a.promo_id IS NULL, b.weekly_units, a.baseline_weekly_units) AS weekly_units,
        a.baseline_units::DOUBLE AS expected_units,
        IFF(a.attributed_units = 0, 0,
            a.attributed_units::DOUBLE * a.gross_margin::DOUBLE / NULLIF(a.costed_units, 0)::DOUBLE) AS margin,
        IFF(a.weeks_without_baseline_margin = 0, a.baseline_margin::DOUBLE, NULL) AS expected_margin
    FROM promotions p
    JOIN CURATED.PROMOTIONS_TOUCHED t ON t.promo_id = p.promo_id AND t.sku_key = p.sku_key AND t.geo_key = p.geo_key
    CROSS JOIN horizon h
    LEFT JOIN achieved a ON a.promo_id = p.promo_id AND a.sku_key = p.sku_key AND a.geo_key = p.geo_key
    LEFT JOIN baseline b ON b.sku_key = p.sku_key AND b.geo_key = p.geo_key AND b.first_week = p.first_week
),
-- A promotion of which one week has no baseline has none.
compared AS (
    SELECT r.*,
        IFF(r.baseline_weeks > 0, r.weekly_units, NULL) AS baseline_weekly_units,
        IFF(r.baseline_weeks > 0, r.expected_units, NULL) AS baseline_units,
        IFF(r.baseline_weeks > 0, r.margin - r.expected_margin, NULL) AS incremental_margin
    FROM results r
)
SELECT
    c.promo_id,
    k.sku_code,
    g.region_code,
    c.sku_key,
    c.geo_key,
    k.brand,
    k.category,
    c.promo_type,
    c.promo_discount_pct,
    c.first_week,
    c.last_week,
    c.weeks,
    c.weeks_started,
    c.is_complete,
    c.units,
    c.net_revenue,
    c.baseline_weeks,
    c.baseline_weeks > 0 AS has_baseline,
    c.baseline_weekly_units,
    c.baseline_units,
    c.attributed_units - c.baseline_units AS uplift_units,
    100 * (c.attributed_units - c.baseline_units) / NULLIF(c.baseline_units, 0) AS uplift_pct,
    c.incremental_margin,
    c.spend,
    IFF(c.weeks_without_spend = 0, (c.incremental_margin - c.spend) / NULLIF(c.spend, 0), NULL) AS roi,
    c.days_measured,
    c.shared_weeks,
    c.attributed_units,
    c.stockout_weeks,
    c.baseline_stockout_weeks,
    c.weeks_without_spend
FROM compared c
JOIN DW.DIM_SKU k ON k.sku_key = c.sku_key
JOIN DW.DIM_GEOGRAPHY g ON g.geo_key = c.geo_key
