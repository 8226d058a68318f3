"""The figures of the consumer-goods marts that every run reports (docs/marts.md)."""

from __future__ import annotations

from warehouse.marts import Headlines
from warehouse.marts.cpg import PROMOTIONS, SALES

# COUNT of IFF, not COUNT_IF: for zero rows, the local Snowflake returns null for the latter.
HEADLINES = (
    Headlines(
        SALES.table,
        {
            "first_day": "MIN(full_date)",
            "last_day": "MAX(full_date)",
            "units": "SUM(units)",
            "net_revenue": "SUM(net_revenue)",
            "gross_margin_pct": "100 * SUM(gross_margin)::DOUBLE / NULLIF(SUM(costed_net_revenue), 0)",
            "promo_revenue": "SUM(promo_revenue)",
            "promo_unknown_revenue": "SUM(promo_unknown_revenue)",
            "promo_unknown_pct": "100 * SUM(promo_unknown_revenue)::DOUBLE / NULLIF(SUM(net_revenue), 0)",
            "anomalies": "SUM(anomalies)",
        },
    ),
    Headlines(
        PROMOTIONS.table,
        {
            "promotions": "COUNT(*)",
            "promotions_started": "COUNT(IFF(weeks_started > 0, 1, NULL))",
            "promotions_with_baseline": "COUNT(IFF(weeks_started > 0 AND has_baseline, 1, NULL))",
            "promotion_uplift_units": "SUM(uplift_units)",
            "promotion_incremental_margin": "SUM(incremental_margin)",
            "promotion_spend": "SUM(spend)",
            "promotions_of_unknown_spend": "COUNT(IFF(weeks_without_spend > 0, 1, NULL))",
            "promotion_roi": """SUM(IFF(weeks_without_spend = 0, incremental_margin - spend, NULL))
        / NULLIF(SUM(IFF(weeks_without_spend = 0 AND incremental_margin IS NOT NULL, spend, NULL)), 0)""",
        },
    ),
    Headlines("DW.FACT_INVENTORY", {"stock_days_below_zero": "COUNT(IFF(closing_stock < 0, 1, NULL))"}),
)
