"""The columns of the feature table that the model looks at, by when they are known.

jobs/glue makes them, jobs/sagemaker learns from them: both ship this module, which imports nothing.
"""

from __future__ import annotations

KEY = ("sku_code", "region_code", "week")
LAGS = (1, 2, 3, 4, 5, 6, 8, 13, 26, 52)
MEANS = (4, 8, 13, 26, 52)

STATE = (
    "base_units", "usual_price", "usual_price_26", "regular_price", "price_index_last", "price_trend",
    "promo_price_index", "normal_4", "normal_8", "normal_weeks_13",
    *(f"lag_{n}" for n in LAGS), *(f"mean_{n}" for n in MEANS), "std_13", "zero_share_13", "zero_share_52",
    "promoted_share_13", "promoted_share_52", "stockout_share_8", "competing_share_13", "season_13",
    "category_season_13", "own_lift", "own_promotions", "sku_lift", "sku_promotions", "category_lift", "depth_past",
    "category_trend", "weeks_known", "weeks_since_sale", "profile_units",
)  # fmt: skip
"""Known when the forecast is made: of the origin week, whatever week is forecast."""

PLAN = (
    "is_promoted", "discount", "promos", "promoted_before", "promoted_after", "discount_before",
    "weeks_into_promotion", "planned_spend", "competing_share", "competing_discount", "iso_week",
    "year_ago_units", "year_ago_level", "year_ago_promoted", "category_season", "own_season",
    "calendar_trust",
)  # fmt: skip
"""Known in advance of the week that is forecast."""

KIND = "promo_type"
MODEL, PROFILE, ZERO = "model", "category_profile", "zero"
