"""Weekly market shares as a market research panel reports them: sales of our brands and of competitors."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from local.sample.cpg.assortment import CATEGORIES, REGIONS, Category
from local.sample.cpg.catalogue import Catalogue, Slot, mrp_of
from local.sample.cpg.defects import (
    CODE_SPELLINGS,
    MARKET_NO_BRAND,
    MARKET_REPEATED,
    MOST_BROKEN_ROWS,
    MOST_REPEATED_ROWS,
    how_many,
)  # fmt: skip
from local.sample.cpg.demand import Demand, FloatArray
from local.sample.cpg.profile import Profile
from local.sample.cpg.sheet import Sheet
from local.sample.cpg.stock import IntArray
from local.sample.cpg.timeline import Stream, monday, rng
from local.sample.cpg.truth import Truth

TYPES: dict[str, pa.DataType] = {
    "region_code": pa.string(), "category": pa.string(), "brand": pa.string(),
    "units": pa.int64(), "value": pa.float64(), "distribution_pct": pa.float64(),
}  # fmt: skip
NO_DISTRIBUTION_EVERY_WEEKS = 9
ALL_TEXT_EVERY_WEEKS = 6
RIVAL_SIZES = (1.5, 0.9, 0.7)
"""Relative to our own usual sales in the category and region."""
LOST_TO_OUR_PROMOTIONS = 0.25
PANEL_ERROR = 0.03


def sunday_of(week: int) -> date:
    return monday(week) + timedelta(days=6)


class MarketPanel:
    def __init__(self, profile: Profile, catalogue: Catalogue, demand: Demand, truth: Truth) -> None:
        self._profile, self._catalogue, self._demand, self._truth = profile, catalogue, demand, truth
        used = {slot.category.name for slot in catalogue.slots}
        self._categories = [category for category in CATEGORIES if category.name in used]

    def table(self, week: int, sold: IntArray) -> pa.Table:
        """The table of one week. `sold` holds the week's units, indexed [slot, region]."""
        draw = rng(self._profile.seed, Stream.MARKET, week)
        rows = [
            (REGIONS[region].code, category.name, *line)
            for category in self._categories
            for region in range(self._profile.regions)
            for line in self._brands(category, region, week, sold, draw)
        ]
        return self._delivered(week, rows)

    def _brands(
        self, category: Category, region: int, week: int, sold: IntArray, draw: np.random.Generator
    ) -> list[tuple[str, int, float, float]]:
        ours = [slot for slot in self._catalogue.slots if slot.category is category]
        numbers = [slot.number for slot in ours]
        expected: FloatArray = self._demand.weekly[week - self._demand.first][numbers, region]
        usual: FloatArray = self._demand.base[numbers, region]
        season = expected.sum() / usual.sum()
        price = float(np.mean([mrp_of(slot, week) for slot in ours]))
        lines = []
        for brand in category.brands:
            of_brand = [slot for slot in ours if slot.brand == brand]
            if of_brand:
                lines.append(_own(brand, of_brand, region, week, sold, draw))
        for size, rival in zip(RIVAL_SIZES, category.rivals, strict=True):
            units = (
                usual.sum() * size * season ** (1 - LOST_TO_OUR_PROMOTIONS) * draw.lognormal(0, PANEL_ERROR)
            )
            lines.append((rival, round(units), round(units * price * (0.85 + 0.1 * size), 2), _reach(draw)))
        return lines

    def _delivered(self, week: int, rows: list[tuple[str, str, str, int, float, float]]) -> pa.Table:
        draw = rng(self._profile.seed, Stream.MARKET_DEFECTS, week)
        base = len(rows)
        repeats = draw.integers(0, base, how_many(MARKET_REPEATED.rate, base, draw, MOST_REPEATED_ROWS))
        nameless = draw.integers(0, base, how_many(MARKET_NO_BRAND.rate, base, draw, MOST_BROKEN_ROWS))
        rows = [*rows, *(rows[n] for n in repeats), *(rows[n] for n in nameless)]
        columns = {
            name: np.array(values) for name, values in zip(TYPES, zip(*rows, strict=True), strict=True)
        }
        sheet = Sheet(TYPES, columns)
        for row in range(len(rows) - len(nameless), len(rows)):
            sheet.put("brand", row, None)
        sheet.respell(
            "region_code", draw.integers(0, len(rows), how_many(CODE_SPELLINGS, len(rows), draw)), how=0
        )
        raw_date = sunday_of(week)
        self._truth.rows_of["market", raw_date] = len(rows)
        self._truth.keys_of["market"] += base
        self._truth.note(raw_date, {MARKET_REPEATED: len(repeats), MARKET_NO_BRAND: len(nameless)})
        is_text = week % ALL_TEXT_EVERY_WEEKS == 0
        lacks = "distribution_pct" if week % NO_DISTRIBUTION_EVERY_WEEKS == 0 else None
        return sheet.table(text=frozenset(TYPES) if is_text else frozenset(), lacks=lacks)


def _own(
    brand: str, slots: list[Slot], region: int, week: int, sold: IntArray, draw: np.random.Generator
) -> tuple[str, int, float, float]:
    error = draw.lognormal(0, PANEL_ERROR)
    units = [sold[slot.number, region] * error for slot in slots]
    value = sum(count * mrp_of(slot, week) for count, slot in zip(units, slots, strict=True))
    return brand, round(sum(units)), round(float(value), 2), _reach(draw)


def _reach(draw: np.random.Generator) -> float:
    return round(float(draw.uniform(0.35, 0.95)), 3)
