"""Weekly snapshots of the promotion calendar, with past and planned weeks."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from local.sample.cpg.assortment import REGIONS
from local.sample.cpg.catalogue import TRADE_PRICE_SHARE_OF_MRP, Catalogue, mrp_of
from local.sample.cpg.defects import (
    CODE_SPELLINGS,
    MOST_BROKEN_ROWS,
    PROMOTION_NOT_EXECUTED,
    PROMOTION_NOT_MONDAY,
    PROMOTION_PERCENT,
    PROMOTION_WITHDRAWN,
    how_many,
)  # fmt: skip
from local.sample.cpg.demand import Demand
from local.sample.cpg.profile import Profile
from local.sample.cpg.promotions import LONGEST_EVENT_WEEKS, WITHDRAWN_WEEKS_BEFORE, Event, Plan
from local.sample.cpg.sheet import Cell, Sheet
from local.sample.cpg.timeline import Stream, monday, rng, week_of
from local.sample.cpg.truth import Truth

TYPES: dict[str, pa.DataType] = {
    "promo_id": pa.string(), "sku_code": pa.string(), "region_code": pa.string(), "week": pa.date32(),
    "promo_type": pa.string(), "promo_discount_pct": pa.float64(), "is_promoted": pa.bool_(),
    "planned_spend": pa.float64(),
}  # fmt: skip
PAST_WEEKS = 8
FUTURE_WEEKS = 20
"""More than a 90-day forecast needs if it starts up to a week after the snapshot."""
ALL_TEXT_EVERY_WEEKS = 5
FIXED_SPEND = 1500.0

Row = tuple[str, str, str, date, str, float, bool, float]


class PromoCalendar:
    def __init__(
        self, profile: Profile, catalogue: Catalogue, plan: Plan, demand: Demand, truth: Truth
    ) -> None:
        self._profile, self._catalogue, self._plan = profile, catalogue, plan
        self._demand, self._truth = demand, truth
        self._rows_of_week: dict[int, list[tuple[Event, Row]]] = {}
        self._keys: set[tuple[str, str, str, date]] = set()

    def table(self, snapshot: date) -> pa.Table:
        this_week = week_of(snapshot)
        weeks = range(this_week - PAST_WEEKS, this_week + FUTURE_WEEKS + 1)
        listed = [
            (event, row) for week in weeks for event, row in self._week(week) if event.is_listed_in(this_week)
        ]
        rows = [row for _, row in listed]
        new_keys = {row[:4] for row in rows} - self._keys
        self._keys |= new_keys
        self._truth.keys_of["promotions"] += len(new_keys)
        self._truth.note(
            snapshot,
            {
                PROMOTION_WITHDRAWN: self._withdrawn_since_last(snapshot),
                PROMOTION_NOT_EXECUTED: self._not_executed(this_week),
            },
        )
        return self._delivered(snapshot, rows)

    def _week(self, week: int) -> list[tuple[Event, Row]]:
        if week not in self._rows_of_week:
            slots, regions = np.nonzero(self._plan.planned[week - self._plan.first] >= 0)
            cells = zip(slots.tolist(), regions.tolist(), strict=True)
            self._rows_of_week[week] = [self._row(week, slot, region) for slot, region in cells]
        return self._rows_of_week[week]

    def _row(self, week: int, number: int, region: int) -> tuple[Event, Row]:
        event = self._plan.events[int(self._plan.planned[week - self._plan.first, number, region])]
        slot = self._catalogue.slots[number]
        sku = self._catalogue.sku_in(slot, monday(week))
        if sku is None:
            raise AssertionError(f"{event.promo_id} promotes slot {number}, which is empty in week {week}")
        usual = float(self._demand.base[number, region]) * mrp_of(slot, week) * TRADE_PRICE_SHARE_OF_MRP
        spend = round(FIXED_SPEND + usual * event.depth * 1.3, 2)
        key = (event.promo_id, sku.code, REGIONS[region].code, monday(week))
        return event, (*key, event.kind, event.depth, not event.is_on_hold, spend)

    def _withdrawn_since_last(self, snapshot: date) -> int:
        """The number of rows that the previous snapshot has and this one lacks, for weeks that have not started."""
        this_week = week_of(snapshot)
        if monday(this_week - 1) < self._first_snapshot():
            return 0
        leaving = range(this_week, this_week + WITHDRAWN_WEEKS_BEFORE + LONGEST_EVENT_WEEKS)
        return sum(
            event.is_listed_in(this_week - 1) and not event.is_listed_in(this_week)
            for week in leaving
            for event, _ in self._week(week)
        )

    def _first_snapshot(self) -> date:
        return monday(week_of(self._profile.start))

    def _not_executed(self, week: int) -> int:
        row = week - self._plan.first
        flagged, done = self._plan.planned[row], self._plan.executed[row]
        happens = np.array([event.happens for event in self._plan.events] + [False])
        return int(((flagged >= 0) & (done < 0) & happens[flagged]).sum())

    def _delivered(self, snapshot: date, rows: list[Row]) -> pa.Table:
        draw = rng(self._profile.seed, Stream.PROMOTION_DEFECTS, week_of(snapshot))
        base = len(rows)
        most = MOST_BROKEN_ROWS / 2
        percents = how_many(PROMOTION_PERCENT.rate, base, draw, most)
        wednesdays = how_many(PROMOTION_NOT_MONDAY.rate, base, draw, most)
        rows = [*rows, *(rows[n] for n in draw.integers(0, max(base, 1), percents + wednesdays))]
        sheet = Sheet(TYPES, _columns(rows))
        for number in range(percents + wednesdays):
            row = base + number
            sheet.put("promo_id", row, f"PX{snapshot:%Y%m%d}-{number:02d}")
            column, cell = _broken_cell(rows[row], is_percent=number < percents)
            sheet.put(column, row, cell)
        sheet.respell(
            "sku_code", draw.integers(0, max(len(rows), 1), how_many(CODE_SPELLINGS, base, draw)), how=2
        )
        self._truth.rows_of["promotions", snapshot] = len(rows)
        self._truth.note(snapshot, {PROMOTION_PERCENT: percents, PROMOTION_NOT_MONDAY: wednesdays})
        is_text = week_of(snapshot) % ALL_TEXT_EVERY_WEEKS == 0
        return sheet.table(text=frozenset(TYPES) if is_text else frozenset())


def _columns(rows: list[Row]) -> dict[str, np.ndarray]:
    values = zip(*rows, strict=True)
    columns = {name: np.array(column, dtype=object) for name, column in zip(TYPES, values, strict=True)}
    columns["week"] = columns["week"].astype("datetime64[D]")
    columns["promo_discount_pct"] = columns["promo_discount_pct"].astype(np.float64)
    columns["is_promoted"] = columns["is_promoted"].astype(np.bool_)
    columns["planned_spend"] = columns["planned_spend"].astype(np.float64)
    return columns


def _broken_cell(row: Row, is_percent: bool) -> tuple[str, Cell]:
    if is_percent:
        return "promo_discount_pct", round(row[5] * 100, 1)
    return "week", row[3] + timedelta(days=2)
