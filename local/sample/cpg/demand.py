"""Customer demand: weekly means per series from level, trend, season, price and promotion.

The unexplained part of a week is small for fast movers (about 6 %), so that a good forecast is possible. The drift of
the last 13 weeks, slow movers and stock-outs keep it from being easy.
"""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray

from local.sample.cpg.assortment import CATEGORIES, REGIONS
from local.sample.cpg.catalogue import Catalogue
from local.sample.cpg.profile import Profile
from local.sample.cpg.promotions import Plan
from local.sample.cpg.timeline import Stream, day_number, iso_week, rng, week_of

WEEKDAYS = np.array([1.12, 1.06, 1.02, 1.02, 1.06, 1.04, 0.68])
DRIFT_WEEKS = 12
DRIFT_SHOCK = 0.03
"""Log standard deviation of the slow drift in a series' level."""
WEEK_SHOCK = 0.03
CATEGORY_SHOCK = 0.02
DAY_GAMMA_SHAPE = 40.0
"""Daily overdispersion relative to Poisson: a coefficient of variation of 1/sqrt(40)."""
CANNIBALISED_SHARE = 0.30
"""The share of a promotion's extra units that is taken from the same category in the region."""
PANTRY_DIP = -0.07
"""Log change of demand in the week after a promotion, when customers still have stock at home."""
INTERMITTENT_LOT = 4.0
PRICE_ELASTICITY = 0.8

FloatArray = NDArray[np.float64]


class Demand:
    """Weekly means, indexed [week - first, slot, region], for all weeks of the plan except its first."""

    def __init__(self, profile: Profile, catalogue: Catalogue, plan: Plan) -> None:
        self._profile, self._catalogue = profile, catalogue
        self.first, self.last = plan.first + 1, plan.last
        self.base = _base_levels(profile, catalogue)
        self.weekly = self._weekly(plan)
        self._intermittent = np.array([slot.is_intermittent for slot in catalogue.slots])[:, None]

    def expected(self, day: date) -> FloatArray:
        """Mean demand of one day, indexed [slot, region]."""
        life = self._catalogue.life(day)[:, None]
        mean: FloatArray = (
            self.weekly[week_of(day) - self.first] * life * WEEKDAYS[day.weekday()] / WEEKDAYS.sum()
        )
        return mean

    def drawn(self, day: date, expected: FloatArray) -> NDArray[np.int64]:
        draw = rng(self._profile.seed, Stream.DAY_DEMAND, day_number(day))
        steady = draw.poisson(expected * draw.gamma(DAY_GAMMA_SHAPE, 1 / DAY_GAMMA_SHAPE, expected.shape))
        happens = draw.random(expected.shape) < expected / INTERMITTENT_LOT
        lots = happens * (1 + draw.poisson(INTERMITTENT_LOT - 1, expected.shape))
        return np.where(self._intermittent, lots, steady).astype(np.int64)

    def _weekly(self, plan: Plan) -> FloatArray:
        weeks = np.arange(self.first, self.last + 1)
        elasticities = np.array([slot.category.promo_elasticity for slot in self._catalogue.slots])
        lift = plan.log_lift(elasticities)
        log_mean = np.log(self.base)[None] + self._season_and_trend(weeks) + self._shocks(weeks)
        log_mean += lift[1:] + self._cannibalised(lift[1:])
        log_mean += PANTRY_DIP * ((plan.executed[:-1] >= 0) & (plan.executed[1:] < 0))
        mean: FloatArray = np.exp(log_mean)
        return mean

    def _season_and_trend(self, weeks: NDArray[np.int64]) -> FloatArray:
        slots = self._catalogue.slots
        sharpness = np.array([REGIONS[r].season_sharpness for r in range(self._profile.regions)])
        iso = np.array([iso_week(int(week)) for week in weeks])
        swing = np.array([s.category.season_swing for s in slots])
        peak = np.array([s.category.season_peak_week for s in slots])
        yearly = swing * np.cos(2 * np.pi * (iso[:, None] - peak) / 52.18)
        festive = np.array([s.category.festive_lift for s in slots]) * _festive_shape(iso)[:, None]
        years = (weeks / 52.18)[:, None]
        trend = np.array([s.trend_per_year for s in slots]) * years
        common = festive + trend + self._price_effect(weeks)
        log_mean: FloatArray = yearly[:, :, None] * sharpness + common[:, :, None]
        return log_mean

    def _price_effect(self, weeks: NDArray[np.int64]) -> FloatArray:
        """Log effect of price. Demand drops after a price rise and recovers over the year as incomes grow."""
        since_rise = np.array(
            [[(int(w) + s.price_rise_week) % 52 for s in self._catalogue.slots] for w in weeks]
        )
        effect: FloatArray = -PRICE_ELASTICITY * 0.035 * (1 - since_rise / 52)
        return effect

    def _shocks(self, weeks: NDArray[np.int64]) -> FloatArray:
        shape = (self._profile.skus, self._profile.regions)
        category = np.array([number % len(CATEGORIES) for number in range(self._profile.skus)])
        lead = np.arange(int(weeks[0]) - DRIFT_WEEKS + 1, int(weeks[-1]) + 1)
        slow = np.empty((len(lead), *shape))
        fast = np.empty((len(lead), *shape))
        for row, week in enumerate(lead):
            draw = rng(self._profile.seed, Stream.WEEK_SHOCK, int(week))
            slow[row] = draw.standard_normal(shape)
            fast[row] = WEEK_SHOCK * draw.standard_normal(shape)
            fast[row] += CATEGORY_SHOCK * draw.standard_normal((len(CATEGORIES), shape[1]))[category]
        summed = np.cumsum(np.concatenate([np.zeros((1, *shape)), slow]), axis=0)
        drift = (summed[DRIFT_WEEKS:] - summed[:-DRIFT_WEEKS]) * DRIFT_SHOCK / np.sqrt(DRIFT_WEEKS)
        shocks: FloatArray = drift + fast[DRIFT_WEEKS - 1 :]
        return shocks

    def _cannibalised(self, lift: FloatArray) -> FloatArray:
        """Log loss of each series to promotions of other series in the same category and region."""
        gained = self.base * np.expm1(lift)
        loss = np.zeros_like(lift)
        for name in {slot.category.name for slot in self._catalogue.slots}:
            members = [slot.number for slot in self._catalogue.slots if slot.category.name == name]
            total = gained[:, members].sum(axis=1, keepdims=True)
            size = self.base[members].sum(axis=0)
            taken = CANNIBALISED_SHARE * (total - gained[:, members]) / size
            loss[:, members] = np.log1p(-np.minimum(taken, 0.6))
        return loss


def _base_levels(profile: Profile, catalogue: Catalogue) -> FloatArray:
    draw = rng(profile.seed, Stream.SERIES)
    taste = np.exp(draw.normal(0, 0.22, (profile.skus, profile.regions)))
    weight = np.array([REGIONS[region].weight for region in range(profile.regions)])
    level = np.array([slot.category.weekly_units * slot.popularity for slot in catalogue.slots])
    base: FloatArray = level[:, None] * weight * taste
    return base


def _festive_shape(iso: NDArray[np.int64]) -> FloatArray:
    """Festive season: rises from ISO week 39 to a peak around Diwali, and stays at a lower level until the year's end."""
    return np.interp(iso, [38, 41, 44, 46, 48, 52, 53], [0.0, 0.7, 1.0, 0.6, 0.4, 0.5, 0.1])
