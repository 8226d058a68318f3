"""Absolute time, and random numbers by key.

Random numbers are drawn for an absolute week or day, never in sequence. A day's data therefore does not depend on the
length of the history.
"""

from __future__ import annotations

from datetime import date, timedelta
from enum import IntEnum

import numpy as np

EPOCH = date(2018, 1, 1)
"""The Monday of the generator's week 0."""
EARLIEST_START = date(2019, 7, 1)
STOCK_TAKE_WEEKS = 26
"""Interval of stock-takes, which reset all stocks. A simulation may start at any of them."""


class Stream(IntEnum):
    """An independent stream of random numbers per purpose. The values are part of the seed: never reuse one."""

    SKU = 1
    SERIES = 2
    CUSTOMER = 3
    NEWCOMER = 4
    WEEK_SHOCK = 5
    DAY_DEMAND = 6
    SUPPLY = 7
    STOCK_POLICY = 8
    PROMOTION = 9
    PROMOTION_CELL = 10
    ORDERS = 11
    SALES_DEFECTS = 12
    INVENTORY_DEFECTS = 13
    MARKET = 14
    MARKET_DEFECTS = 15
    PROMOTION_DEFECTS = 16
    MASTER_DEFECTS = 17


def rng(seed: int, stream: Stream, index: int = 0) -> np.random.Generator:
    return np.random.default_rng([seed, int(stream), index])


def week_of(day: date) -> int:
    return (day - EPOCH).days // 7


def monday(week: int) -> date:
    return EPOCH + timedelta(weeks=week)


def iso_week(week: int) -> int:
    return monday(week).isocalendar().week


def iso_label(week: int) -> str:
    iso = monday(week).isocalendar()
    return f"{iso.year}-W{iso.week:02d}"


def day_number(day: date) -> int:
    return (day - EPOCH).days


def stock_take_before(day: date) -> date:
    return monday(week_of(day) // STOCK_TAKE_WEEKS * STOCK_TAKE_WEEKS)


def days_from(start: date, end: date) -> list[date]:
    return [start + timedelta(days=offset) for offset in range((end - start).days + 1)]
