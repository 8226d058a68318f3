"""Daily stock simulation: compares demand with stock. Sales lost in a stock-out are not made up later."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from local.sample.cpg.catalogue import Catalogue
from local.sample.cpg.demand import Demand, FloatArray
from local.sample.cpg.profile import Profile
from local.sample.cpg.timeline import Stream, days_from, rng, stock_take_before, week_of

DISRUPTION_CHANCE = 0.007
"""Probability per series and week that the supplier allocates nothing for two or three weeks."""
LONGEST_DISRUPTION_WEEKS = 3
REVIEW_DAYS = 7
SMALLEST_LOT = 12

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class StockDay:
    """One day's stock and sales. Arrays are indexed [slot, region]."""

    day: date
    on_sale: NDArray[np.bool_]
    opening: IntArray
    sold: IntArray
    closing: IntArray
    reorder_point: IntArray
    lost: IntArray
    """Demand lost to stock-outs. Only the generator knows it."""


class _Policy:
    def __init__(self, profile: Profile) -> None:
        shape = (profile.skus, profile.regions)
        draw = rng(profile.seed, Stream.STOCK_POLICY)
        self.cover_days = draw.integers(19, 29, shape)
        self.lead_days = draw.integers(2, 6, shape)
        self.review_weekday = draw.integers(0, 5, shape)
        self._profile = profile
        self._disrupted: dict[int, NDArray[np.bool_]] = {}

    def is_disrupted(self, week: int) -> NDArray[np.bool_]:
        if week not in self._disrupted:
            lengths = (self._disruption_length(week - ago) > ago for ago in range(LONGEST_DISRUPTION_WEEKS))
            self._disrupted[week] = np.logical_or.reduce(list(lengths))
        return self._disrupted[week]

    def _disruption_length(self, week: int) -> IntArray:
        shape = (self._profile.skus, self._profile.regions)
        draw = rng(self._profile.seed, Stream.SUPPLY, week)
        starts = draw.random(shape) < DISRUPTION_CHANCE
        return np.where(starts, draw.integers(2, LONGEST_DISRUPTION_WEEKS + 1, shape), 0)


def simulate(profile: Profile, catalogue: Catalogue, demand: Demand, first_needed: date) -> list[StockDay]:
    """Simulate the stock. Returns all days from `first_needed` to the profile's end."""
    begin = stock_take_before(first_needed)
    policy = _Policy(profile)
    days = days_from(begin, profile.end)
    shape = (profile.skus, profile.regions)
    arriving = np.zeros((len(days) + 7, *shape), dtype=np.int64)
    stock, on_order = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    was_on_sale = np.zeros(shape, dtype=np.bool_)
    history = []
    for number, day in enumerate(days):
        expected = demand.expected(day)
        planned_daily = _planned_daily(demand, catalogue, day)
        target = np.maximum(SMALLEST_LOT, np.ceil(planned_daily * policy.cover_days)).astype(np.int64)
        on_sale = np.broadcast_to(catalogue.life(day)[:, None] > 0, shape)
        if day == stock_take_before(day):
            stock, on_order, arriving[number:] = np.where(on_sale, target * 3 // 4, 0), on_order * 0, 0
        stock = np.where(on_sale & ~was_on_sale & (stock == 0), target, stock)
        stock = np.where(on_sale, stock + arriving[number], 0)
        on_order = np.where(on_sale, on_order - arriving[number], 0)
        wanted = np.where(on_sale, demand.drawn(day, expected), 0)
        sold = np.minimum(wanted, stock)
        closing = stock - sold
        reorder_point = np.ceil(planned_daily * (policy.lead_days + REVIEW_DAYS)).astype(np.int64)
        history.append(StockDay(day, on_sale, stock, sold, closing, reorder_point, wanted - sold))
        orders = (policy.review_weekday == day.weekday()) & ~policy.is_disrupted(week_of(day)) & on_sale
        ordered = np.where(orders, np.maximum(0, target - closing - on_order), 0)
        for lead in range(2, 6):
            arriving[number + lead] += np.where(policy.lead_days == lead, ordered, 0)
        on_order, stock, was_on_sale = on_order + ordered, closing, on_sale
    return history[(first_needed - begin).days :]


def _planned_daily(demand: Demand, catalogue: Catalogue, day: date) -> FloatArray:
    """The daily demand that planners expect: the larger one of this week's and next week's, promotions included."""
    week = week_of(day) - demand.first
    soon: FloatArray = np.maximum(demand.weekly[week], demand.weekly[week + 1]) / 7
    return soon * catalogue.life(day + timedelta(days=1))[:, None]
