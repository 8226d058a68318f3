-- The same by model version, category, region and lead time. Columns in the order of the table (V0007).
-- Coarser groups come from the sums, never from a mean of the ratios.
SELECT model_version,
    category,
    region_code,
    lead_weeks,
    COUNT(*) AS predictions,
    SUM(predicted_units) AS predicted_units,
    SUM(actual_units) AS actual_units,
    SUM(absolute_error) AS absolute_error,
    SUM(absolute_error) / NULLIF(SUM(actual_units), 0)::DOUBLE AS wmape,
    AVG(ape) AS mape,
    SUM(error) / NULLIF(SUM(actual_units), 0)::DOUBLE AS bias,
    AVG(IFF(is_within_interval, 1, 0)::DOUBLE) AS coverage
FROM MARTS.FORECAST_ACCURACY_MART
GROUP BY model_version, category, region_code, lead_weeks
