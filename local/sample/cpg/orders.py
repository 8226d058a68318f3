"""Split a day's sold units into order lines. An order has several lines and one customer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from local.sample.cpg.assortment import REGIONS
from local.sample.cpg.catalogue import COST_SHARE_OF_MRP, TRADE_PRICE_SHARE_OF_MRP, Catalogue
from local.sample.cpg.customers import TERMS, Customer, Customers
from local.sample.cpg.profile import Profile
from local.sample.cpg.promotions import Plan
from local.sample.cpg.stock import IntArray, StockDay
from local.sample.cpg.timeline import Stream, day_number, iso_week, rng, week_of

LINES_PER_ORDER = 3.2
LINE_GAMMA_SHAPE = 4.0
"""Gamma shape of the line sizes of one series on one day. Some lines exceed three times the mean, like anomalies."""
FEWEST_LINES = 0.93
"""Minimum, as a share of lines_per_day: no day of the demo falls below the audit's row count."""
WEEKDAY_LINES = (1.03, 1.02, 1.00, 1.00, 1.01, 1.02, 0.95)
TRADING_SECONDS = (4 * 3600, 15 * 3600)

Lines = dict[str, NDArray[np.generic] | NDArray[np.object_]]


class OrderBook:
    def __init__(self, profile: Profile, catalogue: Catalogue, customers: Customers, plan: Plan) -> None:
        self._profile, self._catalogue, self._customers, self._plan = profile, catalogue, customers, plan
        self._promo_ids = np.array([*(event.promo_id for event in plan.events), None], dtype=object)
        self._regions = np.array([REGIONS[r].code for r in range(profile.regions)], dtype=object)
        self._cost_share = COST_SHARE_OF_MRP * (1 + 0.06 * np.sin(np.arange(profile.skus)))

    def lines(self, stock: StockDay) -> Lines:
        draw = rng(self._profile.seed, Stream.ORDERS, day_number(stock.day))
        series, quantity, nth_of_series = self._split(stock, draw)
        slot, region = np.divmod(series, self._profile.regions)
        order = _orders(region, nth_of_series, series, self._profile.regions, draw)
        buyers, buyer_of_order = self._buyers(stock.day, order, region, draw)
        buyer = buyer_of_order[order]
        row = week_of(stock.day) - self._plan.first
        event = self._plan.executed[row, slot, region]
        terms = np.array([TERMS[one.channel] for one in buyers])[buyer]
        mrp = self._catalogue.mrp(week_of(stock.day))[slot]
        gross = np.round(quantity * mrp * TRADE_PRICE_SHARE_OF_MRP, 2)
        discount = np.round(gross * (1 - (1 - terms) * (1 - self._plan.depth[row, slot, region])), 2)
        opened = np.datetime64(stock.day, "s")
        seconds = draw.integers(*TRADING_SECONDS, len(series)).astype("timedelta64[s]")
        numbers = np.array(
            [f"SO{stock.day:%Y%m%d}-{n + 1:05d}" for n in range(len(buyer_of_order))], dtype=object
        )
        return {
            "order_id": numbers[order],
            "sku_code": self._codes(stock.day)[slot],
            "customer_id": np.array([one.id for one in buyers], dtype=object)[buyer],
            "region_code": self._regions[region],
            "quantity": quantity,
            "net_revenue": np.round(gross - discount, 2),
            "order_date": np.full(len(series), np.datetime64(stock.day, "D")),
            "channel": np.array([one.channel for one in buyers], dtype=object)[buyer],
            "gross_revenue": gross,
            "trade_discount": discount,
            "cost_of_goods": np.round(quantity * mrp * self._cost_share[slot], 2),
            "is_promo_sale": event >= 0,
            "promo_id": self._promo_ids[event],
            "changed_at": opened + seconds,
        }

    def _codes(self, day: date) -> NDArray[np.object_]:
        skus = (self._catalogue.sku_in(slot, day) for slot in self._catalogue.slots)
        return np.array([sku.code if sku else None for sku in skus], dtype=object)

    def _split(self, stock: StockDay, draw: np.random.Generator) -> tuple[IntArray, IntArray, IntArray]:
        """Series, quantity and number within the series of each line. The quantities add up to the units sold."""
        units = stock.sold.ravel()
        active = np.flatnonzero(units)
        units = units[active]
        spare = max(0, _line_goal(self._profile, stock.day, draw) - len(active))
        share = np.sqrt(units)
        count = np.minimum(units, 1 + draw.multinomial(spare, share / share.sum()))
        first = np.cumsum(count) - count
        weight = draw.gamma(LINE_GAMMA_SHAPE, 1, int(count.sum()))
        weight /= np.repeat(np.add.reduceat(weight, first), count)
        quantity = 1 + np.floor(weight * np.repeat(units - count, count)).astype(np.int64)
        quantity[first] += units - np.add.reduceat(quantity, first)
        nth = np.arange(len(quantity)) - np.repeat(first, count)
        return np.repeat(active, count), quantity, nth

    def _buyers(
        self, day: date, order: IntArray, region: IntArray, draw: np.random.Generator
    ) -> tuple[Sequence[Customer], IntArray]:
        """The day's customers, and for each order the index of its customer."""
        buyers = self._customers.buying_on(day)
        region_of_order = np.zeros(int(order.max()) + 1, dtype=np.int64)
        region_of_order[order] = region
        chosen = np.zeros(len(region_of_order), dtype=np.int64)
        luck = draw.random(len(region_of_order))
        growth = {"ecommerce": 0.10, "modern_trade": 0.03, "general_trade": 0.0}
        years = day_number(day) / 365.25
        for place in range(self._profile.regions):
            local = [n for n, one in enumerate(buyers) if one.region == place]
            weights = np.array([buyers[n].weight * np.exp(growth[buyers[n].channel] * years) for n in local])
            here = region_of_order == place
            steps = np.cumsum(weights) / weights.sum()
            steps[-1] = 1.0
            chosen[here] = np.array(local)[np.searchsorted(steps, luck[here], side="right")]
        newcomer = self._customers.newcomer_of(day)
        if newcomer is not None:
            theirs = order[np.flatnonzero(region == newcomer.region)[:1]]
            chosen[theirs] = buyers.index(newcomer)
        return buyers, chosen


def _line_goal(profile: Profile, day: date, draw: np.random.Generator) -> int:
    festive = 1.04 if iso_week(week_of(day)) >= 40 else 0.99
    goal = profile.lines_per_day * WEEKDAY_LINES[day.weekday()] * festive * draw.normal(1, 0.012)
    return max(round(goal), round(profile.lines_per_day * FEWEST_LINES))


def _orders(
    region: IntArray, nth_of_series: IntArray, series: IntArray, regions: int, draw: np.random.Generator
) -> IntArray:
    """The order of each line, numbered within the day.

    Lines of one series go to different orders, because (order, SKU) is the key of a line.
    """
    lines = np.bincount(region, minlength=regions)
    most = np.zeros(regions, dtype=np.int64)
    np.maximum.at(most, region, nth_of_series + 1)
    orders = np.maximum(np.ceil(lines / LINES_PER_ORDER).astype(np.int64), most)
    start = draw.integers(0, 1_000_000, int(series.max()) + 1)
    first_of_region = np.cumsum(orders) - orders
    order: IntArray = first_of_region[region] + (start[series] + nth_of_series) % orders[region]
    return order
