-- New columns of the marts (docs/marts.md); the next rebuild fills them in. What a figure is, where V0005 and V0007 leave it open.
ALTER TABLE MARTS.SALES_PERFORMANCE_MART ADD COLUMN IF NOT EXISTS promo_unknown_revenue NUMBER(38, 4);

ALTER TABLE MARTS.PROMO_EFFECTIVENESS_MART ADD COLUMN IF NOT EXISTS days_measured BIGINT;
ALTER TABLE MARTS.PROMO_EFFECTIVENESS_MART ADD COLUMN IF NOT EXISTS shared_weeks BIGINT;
ALTER TABLE MARTS.PROMO_EFFECTIVENESS_MART ADD COLUMN IF NOT EXISTS attributed_units DOUBLE;
ALTER TABLE MARTS.PROMO_EFFECTIVENESS_MART ADD COLUMN IF NOT EXISTS stockout_weeks BIGINT;
ALTER TABLE MARTS.PROMO_EFFECTIVENESS_MART ADD COLUMN IF NOT EXISTS baseline_stockout_weeks BIGINT;
ALTER TABLE MARTS.PROMO_EFFECTIVENESS_MART ADD COLUMN IF NOT EXISTS weeks_without_spend BIGINT;

ALTER TABLE MARTS.SALES_PERFORMANCE_MART ALTER COLUMN promo_revenue COMMENT 'lines whose is_promo_sale is true, or is null and that name a promotion';
ALTER TABLE MARTS.SALES_PERFORMANCE_MART ALTER COLUMN promo_unknown_revenue COMMENT 'lines with neither is_promo_sale nor promo_id: promoted or not, nobody knows';

ALTER TABLE MARTS.PROMO_EFFECTIVENESS_MART ALTER COLUMN units COMMENT 'all units sold in the weeks started; not additive where promotions share a week, attributed_units is';
ALTER TABLE MARTS.PROMO_EFFECTIVENESS_MART ALTER COLUMN net_revenue COMMENT 'all revenue of the weeks started; not additive where promotions share a week';
ALTER TABLE MARTS.PROMO_EFFECTIVENESS_MART ALTER COLUMN baseline_weeks COMMENT 'unpromoted weeks in stock, of the 8 before the first, since the first sale of this SKU and region';
ALTER TABLE MARTS.PROMO_EFFECTIVENESS_MART ALTER COLUMN baseline_weekly_units COMMENT 'mean units of the baseline weeks';
ALTER TABLE MARTS.PROMO_EFFECTIVENESS_MART ALTER COLUMN baseline_units COMMENT 'the part of this promotion in what the baseline would have sold on the days measured';
ALTER TABLE MARTS.PROMO_EFFECTIVENESS_MART ALTER COLUMN uplift_units COMMENT 'attributed_units - baseline_units; adds up over promotions, a shared week counts once';
ALTER TABLE MARTS.PROMO_EFFECTIVENESS_MART ALTER COLUMN incremental_margin COMMENT 'margin of attributed_units less margin of baseline_units; null when a cost basis lacks';
ALTER TABLE MARTS.PROMO_EFFECTIVENESS_MART ALTER COLUMN spend COMMENT 'planned spend of the days measured, as far as known: see weeks_without_spend';
ALTER TABLE MARTS.PROMO_EFFECTIVENESS_MART ALTER COLUMN roi COMMENT '(incremental_margin - spend) / spend; null when the spend of a week is unknown or the spend is zero';
ALTER TABLE MARTS.PROMO_EFFECTIVENESS_MART ALTER COLUMN days_measured COMMENT '7 a week started, of the running week its days so far';
ALTER TABLE MARTS.PROMO_EFFECTIVENESS_MART ALTER COLUMN shared_weeks COMMENT 'weeks started in which other promotions of the SKU and region ran';
ALTER TABLE MARTS.PROMO_EFFECTIVENESS_MART ALTER COLUMN attributed_units COMMENT 'the part of this promotion in units';
ALTER TABLE MARTS.PROMO_EFFECTIVENESS_MART ALTER COLUMN stockout_weeks COMMENT 'weeks started with 3 or more days without stock: measured all the same';
ALTER TABLE MARTS.PROMO_EFFECTIVENESS_MART ALTER COLUMN baseline_stockout_weeks COMMENT 'weeks left out of the baseline because of 3 or more days without stock';
ALTER TABLE MARTS.PROMO_EFFECTIVENESS_MART ALTER COLUMN weeks_without_spend COMMENT 'weeks started whose planned spend is unknown';

ALTER TABLE DW.FACT_INVENTORY ALTER COLUMN closing_stock COMMENT 'as delivered; below zero while postings are under way, and then no stock (stockout_flag)';
ALTER TABLE DW.FACT_INVENTORY ALTER COLUMN days_of_supply COMMENT 'closing_stock at the pace of the 28 days before; zero for stock below zero; null when nothing was sold';
UPDATE DW.FACT_INVENTORY SET days_of_supply = 0 WHERE days_of_supply < 0;

ALTER TABLE ML_OUTPUTS.DEMAND_FORECAST_PREDICTIONS ALTER COLUMN lower COMMENT 'with upper: holds the actual units in 80 of 100 weeks. Not additive: a sum of lower bounds is no lower bound of the sum';
ALTER TABLE ML_OUTPUTS.DEMAND_FORECAST_PREDICTIONS ALTER COLUMN upper COMMENT 'not additive: a sum of upper bounds is no upper bound of the sum';
ALTER TABLE ML_OUTPUTS.DEMAND_FORECAST_PREDICTIONS ALTER COLUMN load_date COMMENT 'day of the first load, in the business time zone';
ALTER TABLE MARTS.FORECAST_ACCURACY_MART ALTER COLUMN lower COMMENT 'not additive: a sum of lower bounds is no lower bound of the sum';
ALTER TABLE MARTS.FORECAST_ACCURACY_MART ALTER COLUMN upper COMMENT 'not additive: a sum of upper bounds is no upper bound of the sum';
