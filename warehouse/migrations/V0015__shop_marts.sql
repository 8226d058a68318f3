-- The tables of the lake's gold layer as its newest loaded snapshot has them (docs/medallion.md). No personal data: e-mail
-- addresses and phone numbers stay in silver.
CREATE TABLE IF NOT EXISTS MARTS.CUSTOMER_ANALYTICS (
    customer_key BIGINT NOT NULL,
    customer_id VARCHAR NOT NULL,
    customer_segment VARCHAR NOT NULL COMMENT 'first rule of deployments/medallion/shop.yaml that matches',
    lifetime_value NUMBER(18, 2) NOT NULL COMMENT 'sum of line_amount of the orders in currency, without cancelled and deleted ones; 0 without orders',
    total_orders BIGINT NOT NULL COMMENT 'in whatever currency, without cancelled and deleted ones',
    avg_order_value NUMBER(18, 2) NOT NULL COMMENT 'lifetime_value / orders in currency, rounded half up; 0 without orders',
    currency VARCHAR COMMENT 'of the most orders; null without orders',
    last_order_date DATE COMMENT 'UTC',
    preferred_category VARCHAR COMMENT 'of the greatest amount in currency, then by name',
    geographic_region VARCHAR COMMENT 'state of the current version, or of the last one',
    churn_probability DOUBLE COMMENT 'null until a model fills it',
    analysis_date DATE NOT NULL COMMENT 'UTC; the segment counts days to it'
);

CREATE TABLE IF NOT EXISTS MARTS.SALES_SUMMARY (
    order_date DATE COMMENT 'UTC; null where the order has no time',
    category VARCHAR COMMENT 'of the product as it is now',
    region VARCHAR COMMENT 'state of the customer when he ordered',
    currency VARCHAR,
    orders BIGINT NOT NULL COMMENT 'distinct orders of this row; not additive over rows',
    units BIGINT NOT NULL,
    net_amount NUMBER(18, 2) NOT NULL COMMENT 'sum of line_amount, without cancelled and deleted orders, with returned ones'
);

-- As MONITORING.WRITE_LOCK, for what changes the marts of the shop.
CREATE TABLE IF NOT EXISTS MONITORING.SHOP_WRITE_LOCK (
    held_by VARCHAR NOT NULL COMMENT 'the last transaction that had it',
    held_since TIMESTAMP_NTZ NOT NULL
);

INSERT INTO MONITORING.SHOP_WRITE_LOCK (held_by, held_since)
SELECT 'nobody', CURRENT_TIMESTAMP()
WHERE NOT EXISTS (SELECT 1 FROM MONITORING.SHOP_WRITE_LOCK);
