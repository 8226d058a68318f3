"""From the columns of the feature table to what the trees see: everything relative to the series' own level.

Units are compared with those of an ordinary week of the same series, so that one model serves articles that sell three
a week and three thousand; a forecast is a multiple of that level.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jobs.demand_columns import KIND, LAGS, MEANS
from jobs.sagemaker.panel import Columns, Floats

SOFTENER = 0.5
"""Added to units before a ratio is taken: one unit more or less of a slow mover is no great change."""
_PRIOR_PROMOTIONS = 4.0
OF_LONG_HISTORY = frozenset((
    "week_sine", "week_cosine", "category_trend", "category_season", "own_season", "competing_change", "competing_share",
    "competing_discount", "category_lift", "year_ago_units", "year_ago_level", "year_ago_promoted", "lag_3", "lag_5",
    "lag_6", "lag_13", "lag_26", "lag_52", "promoted_share_52", "promo_price_index", "price_trend", "stockout_share_8",
    "spend", "weeks_known", "price_shift", "price_now", "planned_price",
))  # fmt: skip
"""Most of what tells one week from all others: of two years, trees learn from it by heart what happened in that week. Which
columns was found by trial: `price_index_last`, the lags 1, 2, 4 and 8 and the means of half a year and a year stay."""
_LONG = 104.0


def level(columns: Columns) -> Floats:
    """Units of an ordinary week; where that is nearly nothing, a share of what was sold at all."""
    base = _numbers(columns, "base_units")
    long_run = np.nan_to_num(_numbers(columns, "mean_52"))
    return np.maximum(np.where(np.isnan(base), long_run, base), np.maximum(0.1 * long_run, 0.02))


def design(columns: Columns, kinds: Sequence[str]) -> tuple[Floats, list[str]]:
    """The matrix and its columns' names. A kind of promotion that the training never saw is missing, not zero."""
    base = level(columns)
    made: dict[str, Floats] = {"level": np.log(base + SOFTENER), "step": _numbers(columns, "step")}

    def relative(name: str) -> Floats:
        ratio: Floats = np.log((_numbers(columns, name) + SOFTENER) / (base + SOFTENER))
        return ratio

    for name in (*(f"lag_{n}" for n in LAGS), *(f"mean_{n}" for n in MEANS), "normal_4", "normal_8"):
        made[name] = relative(name)
    for name in ("year_ago_units", "year_ago_level"):
        made[name] = relative(name)
    made["std_13"] = _numbers(columns, "std_13") / (base + SOFTENER)
    for name in (
        "zero_share_13", "zero_share_52", "promoted_share_13", "promoted_share_52", "stockout_share_8",
        "normal_weeks_13", "price_index_last", "price_trend", "promo_price_index", "own_lift", "sku_lift",
        "category_lift", "depth_past", "is_promoted", "promos", "promoted_before", "promoted_after",
        "discount_before", "weeks_into_promotion", "competing_share", "competing_discount", "year_ago_promoted",
    ):  # fmt: skip
        made[name] = _numbers(columns, name)
    made["weeks_known"] = np.minimum(_numbers(columns, "weeks_known"), _LONG)
    made["weeks_since_sale"] = np.minimum(_numbers(columns, "weeks_since_sale"), 26.0)
    made |= _promotion(columns, base) | _prices(columns) | _season(columns)
    made["kind"] = _coded(columns, kinds)
    return np.column_stack(list(made.values())).astype(np.float32), list(made)


def expected_lift(columns: Columns) -> Floats:
    """The series' own past lift, shrunk towards that of the article and the category; zero in weeks without promotion."""
    own, own_n = _numbers(columns, "own_lift"), np.nan_to_num(_numbers(columns, "own_promotions"))
    sku, sku_n = _numbers(columns, "sku_lift"), np.nan_to_num(_numbers(columns, "sku_promotions"))
    category = np.nan_to_num(_numbers(columns, "category_lift"))
    of_sku = (np.nan_to_num(sku) * sku_n + _PRIOR_PROMOTIONS * category) / (sku_n + _PRIOR_PROMOTIONS)
    expected = (np.nan_to_num(own) * own_n + _PRIOR_PROMOTIONS * of_sku) / (own_n + _PRIOR_PROMOTIONS)
    return np.where(_numbers(columns, "is_promoted") > 0, expected, 0.0)


def _promotion(columns: Columns, base: Floats) -> dict[str, Floats]:
    promoted = _numbers(columns, "is_promoted") > 0
    discount = _numbers(columns, "discount")
    depth = -np.log1p(-np.minimum(discount, 0.95))
    usual_depth = -np.log1p(-np.clip(_numbers(columns, "depth_past"), 0.0, 0.95))
    price = _numbers(columns, "usual_price")
    spend = _numbers(columns, "planned_spend") / (base * price + 1.0)
    return {
        "depth": np.where(promoted, depth, 0.0),
        "expected_lift": expected_lift(columns),
        "depth_against_past": np.where(promoted, depth - usual_depth, np.nan),
        "spend": np.where(promoted, spend, 0.0),
        "own_promotions": np.minimum(_numbers(columns, "own_promotions"), 20.0),
        "competing_change": _numbers(columns, "competing_share") - _numbers(columns, "competing_share_13"),
    }


def _prices(columns: Columns) -> dict[str, Floats]:
    """How the regular price moved, and the shelf price of the week against that of half a year ago: in logarithms."""
    usual, regular = _numbers(columns, "usual_price"), _numbers(columns, "regular_price")
    before = _numbers(columns, "usual_price_26")
    discount = np.minimum(_numbers(columns, "discount"), 0.95)
    reduced = np.where(np.isnan(discount), _numbers(columns, "promo_price_index"), 1 - discount)
    shelf = regular * np.where(_numbers(columns, "is_promoted") > 0, reduced, 1.0)
    return {
        "price_shift": np.log(usual / before),
        "price_now": np.log(regular / usual),
        "planned_price": np.log(shelf / np.where(np.isnan(before), usual, before)),
    }


def _season(columns: Columns) -> dict[str, Floats]:
    turn = 2 * np.pi * _numbers(columns, "iso_week") / 52.18
    return {
        "week_sine": np.sin(turn),
        "week_cosine": np.cos(turn),
        "category_season": _numbers(columns, "category_season") - _numbers(columns, "category_season_13"),
        "own_season": _numbers(columns, "own_season") - _numbers(columns, "season_13"),
        "category_trend": np.log(np.maximum(_numbers(columns, "category_trend"), 0.01)),
    }


def _coded(columns: Columns, kinds: Sequence[str]) -> Floats:
    """-1 for no promotion; kinds in the order given, which is that of their effect in training."""
    codes = {kind: float(number) for number, kind in enumerate(kinds)}
    promoted = _numbers(columns, "is_promoted") > 0
    named = np.array([codes.get(str(kind), np.nan) for kind in columns[KIND]], dtype=np.float64)
    return np.where(promoted, named, -1.0)


def _numbers(columns: Columns, name: str) -> Floats:
    return columns[name].astype(np.float64)
