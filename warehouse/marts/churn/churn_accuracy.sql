-- Predicted and realised churn by day of scoring, model and decile, once the horizon is over. Columns in the order of the table
-- (V0017). Coarser groups come from the sums, never from a mean of the ratios.
WITH known AS (
    SELECT p.as_of,
        p.horizon_days,
        p.model_version,
        p.decile,
        p.probability,
        IFF(o.churned, 1, 0) AS churned,
        LEAST(GREATEST(p.probability, 1e-6), 1 - 1e-6) AS held
    FROM ML_OUTPUTS.CHURN_PREDICTIONS p
    JOIN ML_OUTPUTS.CHURN_OUTCOMES o
        ON o.customer_key = p.customer_key AND o.as_of = p.as_of AND o.horizon_days = p.horizon_days
),
days AS (
    SELECT as_of, AVG(churned::DOUBLE) AS churn_rate
    FROM known
    GROUP BY as_of
)
SELECT known.as_of,
    known.horizon_days,
    known.model_version,
    known.decile,
    COUNT(*) AS customers,
    SUM(known.probability) AS expected_churners,
    SUM(known.churned) AS churners,
    SUM((known.probability - known.churned) * (known.probability - known.churned)) AS squared_error,
    -SUM(IFF(known.churned = 1, LN(known.held), LN(1 - known.held))) AS log_loss,
    SUM(known.probability) / COUNT(*) AS expected_rate,
    AVG(known.churned::DOUBLE) AS churn_rate,
    AVG(known.churned::DOUBLE) / NULLIF(MAX(days.churn_rate), 0) AS lift
FROM known
JOIN days ON days.as_of = known.as_of
GROUP BY known.as_of, known.horizon_days, known.model_version, known.decile
