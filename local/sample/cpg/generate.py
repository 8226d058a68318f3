"""Generate the raw files of a profile in the order of days, as the source systems would deliver them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from local.sample.cpg.catalogue import Catalogue
from local.sample.cpg.customers import Customers
from local.sample.cpg.demand import Demand
from local.sample.cpg.inventory import inventory_table
from local.sample.cpg.market import MarketPanel, sunday_of
from local.sample.cpg.masters import Masters
from local.sample.cpg.orders import OrderBook
from local.sample.cpg.profile import Profile
from local.sample.cpg.promo_calendar import FUTURE_WEEKS, PAST_WEEKS, PromoCalendar
from local.sample.cpg.promotions import Plan
from local.sample.cpg.sales import SalesDesk
from local.sample.cpg.stock import IntArray, simulate
from local.sample.cpg.timeline import days_from, iso_label, monday, stock_take_before, week_of
from local.sample.cpg.truth import Truth


@dataclass(frozen=True)
class RawFile:
    key: str
    table: pa.Table


def generate(profile: Profile) -> Iterator[RawFile]:
    """All raw files of the profile, day by day."""
    return _History(profile, Truth()).files()


def generate_with_truth(profile: Profile) -> tuple[Iterator[RawFile], Truth]:
    """The raw files and their truth. The truth is complete only after all files have been consumed."""
    truth = Truth()
    return _History(profile, truth).files(), truth


def truth(profile: Profile) -> Truth:
    files, figures = generate_with_truth(profile)
    deque(files, maxlen=0)
    return figures


class _History:
    """Generates all days. Starts a week before the profile, as the first daily run reads the previous market week."""

    def __init__(self, profile: Profile, truth: Truth) -> None:
        self._profile, self._truth = profile, truth
        self._catalogue = Catalogue(profile)
        self._customers = Customers(profile)
        self._first_monday = monday(week_of(profile.start) - 1)
        first_planned = min(
            week_of(stock_take_before(self._first_monday)) - 2, week_of(profile.start) - PAST_WEEKS
        )
        last_planned = week_of(profile.end) + FUTURE_WEEKS + 1
        self._plan = Plan(profile, self._catalogue, first_planned, last_planned)
        self._demand = Demand(profile, self._catalogue, self._plan)
        self._stock = {
            stock.day: stock for stock in simulate(profile, self._catalogue, self._demand, self._first_monday)
        }

    def files(self) -> Iterator[RawFile]:
        book = OrderBook(self._profile, self._catalogue, self._customers, self._plan)
        desk = SalesDesk(self._profile, self._catalogue, self._truth)
        panel = MarketPanel(self._profile, self._catalogue, self._demand, self._truth)
        masters = Masters(self._profile, self._catalogue, self._customers, self._truth)
        calendar = PromoCalendar(self._profile, self._catalogue, self._plan, self._demand, self._truth)
        for day in days_from(self._first_monday, self._profile.end):
            if day.weekday() == 0 and day > self._first_monday:
                promotions = calendar.table(day)
                yield RawFile(
                    f"raw/trade_promotions/promo_calendar/{_day(day)}/part-00000.parquet", promotions
                )
                for name, table in masters.tables(day):
                    yield RawFile(f"raw/sap/masters/{name}/{_day(day)}/part-00000.parquet", table)
            if day >= self._profile.start:
                for number, table in enumerate(desk.files(day, book.lines(self._stock[day]))):
                    yield RawFile(f"raw/sap/sales_orders/{_day(day)}/part-{number:05d}.parquet", table)
                yield RawFile(f"raw/sap/inventory/{_day(day)}/part-00000.parquet", self._inventory(day))
            week = week_of(day)
            if day == sunday_of(week):
                market = panel.table(week, self._sold_in(week))
                yield RawFile(f"raw/nielsen/market_share/week={iso_label(week)}/part-00000.parquet", market)

    def _inventory(self, day: date) -> pa.Table:
        yesterday = self._stock[day - timedelta(days=1)] if day > self._profile.start else None
        return inventory_table(self._profile, self._catalogue, self._stock[day], yesterday, self._truth)

    def _sold_in(self, week: int) -> IntArray:
        days = days_from(monday(week), sunday_of(week))
        sold: IntArray = np.sum([self._stock[day].sold for day in days], axis=0)
        return sold


def _day(day: date) -> str:
    return f"year={day.year:04d}/month={day.month:02d}/day={day.day:02d}"
