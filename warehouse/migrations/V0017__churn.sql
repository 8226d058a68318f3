-- Churn of the shop's customers (docs/customer-churn.md). The first two are copies of the lake's tables ml.churn_predictions and
-- ml.churn_outcomes: a scoring replaces an earlier one of the same day. No personal data but the customer's id.
CREATE TABLE IF NOT EXISTS ML_OUTPUTS.CHURN_PREDICTIONS (
    customer_key BIGINT NOT NULL,
    customer_id VARCHAR NOT NULL,
    as_of DATE NOT NULL COMMENT 'the day of the scoring; it uses nothing dated from it on',
    horizon_days BIGINT NOT NULL,
    probability DOUBLE NOT NULL COMMENT 'of no order in the horizon_days from as_of on',
    decile BIGINT NOT NULL COMMENT '1: the tenth of the day''s customers that is most likely to churn',
    reasons VARCHAR NOT NULL COMMENT 'a JSON list of the three that weigh most',
    model_version VARCHAR NOT NULL COMMENT 'version in the model package group, v1 and up',
    run_id VARCHAR NOT NULL
) CLUSTER BY (as_of);

CREATE TABLE IF NOT EXISTS ML_OUTPUTS.CHURN_OUTCOMES (
    customer_key BIGINT NOT NULL,
    as_of DATE NOT NULL,
    horizon_days BIGINT NOT NULL,
    churned BOOLEAN NOT NULL COMMENT 'whether there was no order in the horizon_days from as_of on'
) CLUSTER BY (as_of);

-- Rebuilt whole by the statement in warehouse/marts/churn.
CREATE TABLE IF NOT EXISTS MARTS.CHURN_ACCURACY (
    as_of DATE NOT NULL,
    horizon_days BIGINT NOT NULL,
    model_version VARCHAR NOT NULL,
    decile BIGINT NOT NULL,
    customers BIGINT NOT NULL COMMENT 'scored, and since known to have churned or not',
    expected_churners DOUBLE NOT NULL COMMENT 'sum of the probabilities',
    churners BIGINT NOT NULL,
    squared_error DOUBLE NOT NULL COMMENT 'sum; divided by customers, the Brier score of any coarser group',
    log_loss DOUBLE NOT NULL COMMENT 'sum, with probabilities held between 1e-6 and 1 - 1e-6',
    expected_rate DOUBLE NOT NULL COMMENT 'expected_churners / customers',
    churn_rate DOUBLE NOT NULL COMMENT 'churners / customers',
    lift DOUBLE COMMENT 'churn_rate / that of all customers of the day; null if nobody churned'
);
