-- Every forecast that was published, kept: a new model version adds rows, a new actual fills them in.
CREATE TABLE IF NOT EXISTS ML_OUTPUTS.DEMAND_FORECAST_PREDICTIONS (
    sku_code VARCHAR NOT NULL,
    region_code VARCHAR NOT NULL,
    forecast_week DATE NOT NULL COMMENT 'Monday',
    predicted_units DOUBLE NOT NULL,
    lower DOUBLE NOT NULL COMMENT 'with upper: holds the actual units in 80 of 100 weeks',
    upper DOUBLE NOT NULL,
    actual_units BIGINT COMMENT 'null until the week has closed; zero when nothing was sold in it',
    ape DOUBLE COMMENT 'absolute error as a share of actual_units; null when those are null or zero',
    load_date DATE NOT NULL,
    model_version VARCHAR NOT NULL COMMENT 'version in the model package group, v1 and up',
    model_type VARCHAR NOT NULL COMMENT 'model, category_profile (no history of its own) or zero (never sold)',
    as_of DATE NOT NULL COMMENT 'the day on which the forecast was made; it uses nothing dated from it on',
    run_id VARCHAR NOT NULL
) CLUSTER BY (forecast_week);

-- Rebuilt whole by the statements in warehouse/marts.
CREATE TABLE IF NOT EXISTS MARTS.FORECAST_ACCURACY_MART (
    sku_code VARCHAR NOT NULL,
    region_code VARCHAR NOT NULL,
    category VARCHAR,
    brand VARCHAR,
    forecast_week DATE NOT NULL,
    model_version VARCHAR NOT NULL,
    model_type VARCHAR NOT NULL,
    as_of DATE NOT NULL,
    lead_weeks BIGINT NOT NULL COMMENT '1 for the first week of the forecast',
    predicted_units DOUBLE NOT NULL,
    lower DOUBLE NOT NULL,
    upper DOUBLE NOT NULL,
    actual_units BIGINT NOT NULL,
    error DOUBLE NOT NULL COMMENT 'predicted less actual',
    absolute_error DOUBLE NOT NULL,
    ape DOUBLE,
    is_within_interval BOOLEAN NOT NULL
);

CREATE TABLE IF NOT EXISTS MARTS.FORECAST_ACCURACY_SUMMARY_MART (
    model_version VARCHAR NOT NULL,
    category VARCHAR,
    region_code VARCHAR NOT NULL,
    lead_weeks BIGINT NOT NULL,
    predictions BIGINT NOT NULL,
    predicted_units DOUBLE NOT NULL,
    actual_units BIGINT NOT NULL,
    absolute_error DOUBLE NOT NULL COMMENT 'sum; with actual_units it gives the WMAPE of any coarser group',
    wmape DOUBLE COMMENT 'absolute_error / actual_units; null when nothing was sold',
    mape DOUBLE COMMENT 'mean ape of the weeks with sales',
    bias DOUBLE COMMENT '(predicted_units - actual_units) / actual_units',
    coverage DOUBLE NOT NULL COMMENT 'share of the weeks whose actual units lie within the interval'
);

CREATE TABLE IF NOT EXISTS MONITORING.MODEL_DRIFT (
    run_id VARCHAR NOT NULL,
    check_date DATE NOT NULL,
    model_version VARCHAR NOT NULL,
    metric VARCHAR NOT NULL COMMENT 'psi of a feature, or wmape_ratio of the errors',
    feature VARCHAR NOT NULL COMMENT 'the empty text for a figure of the whole model',
    value DOUBLE,
    threshold DOUBLE NOT NULL,
    drifted BOOLEAN NOT NULL,
    rows_compared BIGINT NOT NULL
);
