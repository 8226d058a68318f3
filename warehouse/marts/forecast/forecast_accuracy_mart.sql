-- How good each prediction was, of the weeks that have closed. Columns in the order of the table (V0007).
-- The first week of a forecast is the first Monday on or after its as_of: lead_weeks counts from there.
SELECT p.sku_code,
    p.region_code,
    s.category,
    s.brand,
    p.forecast_week,
    p.model_version,
    p.model_type,
    p.as_of,
    (DATEDIFF(day, p.as_of, p.forecast_week) - MOD(8 - DAYOFWEEKISO(p.as_of), 7)) / 7 + 1 AS lead_weeks,
    p.predicted_units,
    p.lower,
    p.upper,
    p.actual_units,
    p.predicted_units - p.actual_units AS error,
    ABS(p.predicted_units - p.actual_units) AS absolute_error,
    p.ape,
    p.actual_units BETWEEN p.lower AND p.upper AS is_within_interval
FROM ML_OUTPUTS.DEMAND_FORECAST_PREDICTIONS p
LEFT JOIN DW.DIM_SKU s ON s.sku_code = p.sku_code
WHERE p.actual_units IS NOT NULL
