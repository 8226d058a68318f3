"""A world with everything that a feature is about, and the features that demand_world's oracle leaves out.

Prices rise and are cut, promotions run for weeks, several at a time, with and without a discount, and past the origin;
some never reached the shelf. One series begins ten weeks before the end. Definitions are those of docs/forecast.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from statistics import fmean, median
from typing import Any

import numpy as np
import pyarrow as pa

from tests.jobs.demand_world import (
    AS_OF,
    CATEGORY,
    FIRST,
    HORIZON,
    PRICE,
    WEEKS,
    Cell,
    Key,
    Oracle,
    World,
)

LATE = ("B-1", "S")
NEVER_SOLD = {"Z-2": 2, "Z-4": 4, "Z-20": 20, "Z-60": 60}
"""Weeks in stock, to the origin, of articles that nobody ever bought."""
OUT_OF_STOCK = "Z-OUT"
FALSE_WEEKS = (WEEKS - 12, WEEKS - 9)
"""Their calendar flags everything, and no flag has a discount."""
LEAST_SUSPECT_SERIES = 4
"""In place of the job's limit, for a world of eight series."""
PROMOTION = pa.schema(
    {
        "promo_id": pa.string(), "sku_code": pa.string(), "region_code": pa.string(), "week": pa.date32(),
        "promo_type": pa.string(), "promo_discount_pct": pa.float64(), "is_promoted": pa.bool_(),
        "planned_spend": pa.decimal128(18, 4), "source_date": pa.date32(),
    }
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """What a calendar says of a promotion of a series in a week."""

    promo_id: str
    kind: str | None
    depth: float | None
    spend: Decimal | None


class BusyWorld(World):
    def __init__(self) -> None:
        super().__init__()
        draw = np.random.default_rng(23)
        self.lines: dict[tuple[str, str, int], list[Line]] = {}
        self.promos, self.price, self.stockouts = {}, {}, set()
        for number, key in enumerate(self.units):
            start = {"A-3": 20}.get(key[0], 0) if key != LATE else WEEKS - 10
            units = [0] * start + [int(u) for u in draw.poisson(3 + 4 * number, WEEKS - start)]
            units[start] = 5
            for gap in range(start + 25, WEEKS, 31):
                units[gap : gap + 3] = [0] * len(units[gap : gap + 3])
            self.units[key] = units
            self._plan(key, start, draw)
            self.lines |= {(*key, week): [Line("F", "display", None, None)] for week in FALSE_WEEKS}
            self._sell(key, draw)
        self.lines["Z-20", "N", WEEKS + 1] = [Line("P", "price_off", 0.25, None)]

    def _plan(self, key: Key, start: int, draw: np.random.Generator) -> None:
        week = start + 2 + int(draw.integers(6))
        while week < WEEKS + HORIZON:
            shape = int(draw.integers(5))
            for ahead in range(min(1 + int(draw.integers(3)), WEEKS + HORIZON - week)):
                self.lines[(*key, week + ahead)] = self._lines(shape, draw)
            week += 4 + int(draw.integers(7))
        if key == LATE:  # a new article is promoted from its first week on
            self.lines |= {(*key, start + ahead): [Line("P", "price_off", 0.2, None)] for ahead in range(3)}
        self.lines[(*key, WEEKS - 1)] = self.lines[(*key, WEEKS)] = [Line("P", "price_off", 0.25, None)]

    def _lines(self, shape: int, draw: np.random.Generator) -> list[Line]:
        spend = Decimal(int(draw.integers(1, 900))) / 8
        return {
            0: [Line("P", "price_off", 0.2, spend)],
            1: [Line("P", "price_off", 0.3, None)],
            2: [Line("P", "display", None, spend)],
            3: [Line("P", "bundle", 0.1, spend), Line("Q", "price_off", 0.4, spend), Line("Q", "feature", 0.0, None)],
            4: [Line("P", None, 0.99, None)],
        }[shape]  # fmt: skip

    def _sell(self, key: Key, draw: np.random.Generator) -> None:
        for week in range(WEEKS):
            cell, shelf = (*key, week), PRICE * (1 + 0.2 * (week >= 60) + 0.03 * (week % 4))
            if lines := self.lines.get(cell):
                depth = planned_discount(lines)
                self.promos[cell] = (depth, planned_kind(lines))
                ran = depth is not None and week % 6 != 0  # every sixth week never reached the shelf
                self.units[key][week] *= 3 if ran or week % 12 == 0 else 1  # some sold at the full price
                shelf *= 1 - depth if ran and depth is not None else 1
            elif draw.random() < 0.06:
                shelf *= 0.85
            self.price[cell] = round(shelf, 2)
            if draw.random() < 0.05:
                self.stockouts.add(cell)

    def _promotions(self) -> pa.Table:
        rows = [
            {
                "promo_id": line.promo_id, "sku_code": sku, "region_code": region,
                "week": FIRST + timedelta(weeks=week), "promo_type": line.kind, "promo_discount_pct": line.depth,
                "is_promoted": True, "planned_spend": line.spend, "source_date": AS_OF - timedelta(weeks=1),
            }
            for (sku, region, week), lines in self.lines.items()
            for line in lines
        ]  # fmt: skip
        return pa.Table.from_pylist(rows, PROMOTION)

    def _inventory(self) -> pa.Table:
        table = super()._inventory()
        weeks = {**NEVER_SOLD, OUT_OF_STOCK: 20}
        rows = [
            {
                "sku_code": sku,
                "region_code": "N",
                "snapshot_date": FIRST + timedelta(weeks=week, days=day),
                "closing_stock": 0 if sku == OUT_OF_STOCK else 9,
                "source_date": FIRST + timedelta(weeks=week, days=day),
            }
            for sku, known in weeks.items()
            for week in range(WEEKS - known, WEEKS)
            for day in range(4)
        ]
        return pa.concat_tables([table, pa.Table.from_pylist(rows, table.schema)])


def planned_discount(lines: list[Line]) -> float | None:
    deepest = max(line.depth or 0.0 for line in lines)
    return min(deepest, 0.95) or None


def planned_kind(lines: list[Line]) -> str:
    return max(lines, key=lambda line: line.depth or 0.0).kind or "(unnamed)"


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _season(then: list[int], level: list[int], weeks: int) -> float | None:
    if not then or weeks < 26:
        return None
    return math.log((fmean(then) + 0.5) / (fmean(level) + 0.5))


class ValueOracle(Oracle):
    """`state` is what was known before a week, `plan` what is known of it in advance, of any week to the horizon's end."""

    def __init__(self, world: BusyWorld) -> None:
        super().__init__(world)
        self.lines = world.lines
        self._own_season = cache(self._own_season_of)
        self._category_season = cache(self._category_season_of)
        self._share = cache(self._share_of)
        self._trust = cache(self._trust_of)

    def _past(self, key: Key, week: int, weeks: int, read: Callable[[Cell], Any]) -> list[Any]:
        cells = self.cells[key]
        found = [read(cells[w]) for w in range(week - weeks, week) if w in cells]
        return [value for value in found if value is not None]

    def _units(self, keys: Sequence[Key], first: int, last: int) -> list[int]:
        return [
            self.cells[key][w]["units"]
            for key in keys
            for w in range(first, last + 1)
            if w in self.cells[key]
        ]

    def _beside(self, key: Key) -> list[Key]:
        return [k for k in self.cells if CATEGORY[k[0]] == CATEGORY[key[0]] and k[1] == key[1]]

    def _others(self, key: Key, week: int) -> list[Key]:
        return [k for k in self._beside(key) if k != key and week >= min(self.cells[k])]

    def _own_season_of(self, key: Key, week: int) -> float | None:
        level = self._units([key], week - 77, week - 27)
        return _season(self._units([key], week - 53, week - 51), level, len(level))

    def _category_season_of(self, key: Key, week: int) -> float | None:
        beside = self._beside(key)
        known = {w for k in beside for w in self.cells[k] if week - 77 <= w <= week - 27}
        level = self._units(beside, week - 77, week - 27)
        return _season(self._units(beside, week - 53, week - 51), level, len(known))

    def _is_planned(self, key: Key, week: int) -> bool:
        return (*key, week) in self.lines and week >= min(self.cells[key])

    def _discount(self, key: Key, week: int) -> float:
        return planned_discount(self.lines[(*key, week)]) or 0.0 if self._is_planned(key, week) else 0.0

    def _competing_share(self, key: Key, week: int) -> float:
        others = self._others(key, week)
        return fmean(self._is_planned(k, week) for k in others) if others else 0.0

    def _share_that_ran(self, key: Key, week: int) -> float:
        others = self._others(key, week)
        return fmean(self.cells[k][week]["ran"] for k in others) if others else 0.0

    def _of_category(self, key: Key, week: int) -> list[Key]:
        return [k for k in self.cells if CATEGORY[k[0]] == CATEGORY[key[0]] and week >= min(self.cells[k])]

    def _share_of(self, key: Key, week: int) -> float:
        return fmean(self._is_planned(k, week) for k in self._of_category(key, week))

    def _depth(self, key: Key, weeks: Sequence[int]) -> float:
        """Mean discount of what is flagged."""
        cells = [(k, w) for w in weeks for k in self._of_category(key, w) if self._is_planned(k, w)]
        return fmean(self._discount(*cell) for cell in cells) if cells else 0.0

    def _trust_of(self, key: Key, week: int) -> float:
        """Held against the weeks before that were believed themselves."""
        share = self._share(key, week)
        if share < 0.9 or len(self._of_category(key, week)) < LEAST_SUSPECT_SERIES:
            return 1.0
        first = min(min(self.cells[k]) for k in self._of_category(key, week))
        large = [w for w in range(first, week) if len(self._of_category(key, w)) >= LEAST_SUSPECT_SERIES]
        before = [w for w in large if self._trust(key, w) == 1.0]
        year = [w for w in before if w >= week - 52]
        suspect = (
            len(before) >= 52
            and share >= max(self._share(key, w) for w in before) + 0.05
            and self._depth(key, [week]) <= 0.5 * self._depth(key, year)
            and sum(self._trust(key, w) < 1.0 for w in range(max(first, week - 52), week)) < 3
        )
        return fmean(self._share(key, w) for w in [*year, week]) / share if suspect else 1.0

    def _regular_price(self, key: Key, week: int) -> float | None:
        lately = self._past(key, week, 6, lambda c: None if c["promoted"] else c["price"])
        return median(lately) if len(lately) >= 3 else self.usual_price(self.cells[key], week)

    def state(self, key: Key, week: int) -> dict[str, float | None]:
        cells = self.cells[key]
        beside, of_sku = self._beside(key), [k for k in self.cells if k[0] == key[0]]
        prices = {weeks: self._past(key, week, weeks, lambda c: c["price"]) for weeks in (8, 52)}
        short, long = self._units(beside, week - 4, week - 1), self._units(beside, week - 26, week - 1)
        before = [w for w in range(week - 13, week) if w in cells]
        of_category = [k for k in self.cells if CATEGORY[k[0]] == CATEGORY[key[0]]]
        profile = [self._units(keys, week - 13, week - 1) for keys in (beside, of_category)]
        return {
            **{f"lag_{n}": cells[week - n]["units"] if week - n in cells else None for n in (2, 3, 5, 6, 8, 26)},
            **{f"mean_{n}": _mean(self._past(key, week, n, lambda c: c["units"])) for n in (8, 26)},
            "usual_price_26": cells[week - 26]["usual_price"] if week - 26 in cells else None,
            "regular_price": self._regular_price(key, week),
            "price_index_last": cells[week - 1]["index"] if week - 1 in cells else None,
            "price_trend": fmean(prices[8]) / fmean(prices[52]) if prices[8] else None,
            "normal_8": _mean(self._past(key, week, 8, lambda c: c["units"] if c["normal"] else None)),
            "normal_weeks_13": sum(self._past(key, week, 13, lambda c: int(c["normal"]))),
            "zero_share_52": _mean(self._past(key, week, 52, lambda c: int(c["units"] == 0))),
            "promoted_share_52": _mean(self._past(key, week, 52, lambda c: int(c["ran"]))),
            "competing_share_13": _mean([self._share_that_ran(key, w) for w in before]),
            "season_13": _mean([self._own_season(key, w) for w in before]),
            "category_season_13": _mean([self._category_season(key, w) for w in before]),
            "sku_promotions": sum(len(self._past(k, week, 104, lambda c: c["lift"])) for k in of_sku),
            "depth_past": _mean(
                self._past(key, week, 104, lambda c: c["discount"] if c["lift"] is not None else None)
            ),
            "profile_units": next((fmean(units) for units in profile if units), None),
            "category_trend": fmean(short) / (fmean(long) + 0.01) if short else None,
        }  # fmt: skip

    def plan(self, key: Key, week: int) -> dict[str, float | str | None]:
        promoted = self._is_planned(key, week)
        lines = self.lines[(*key, week)] if promoted else []
        spends = [float(line.spend) for line in lines if line.spend is not None]
        into = 0
        while self._is_planned(key, week - into):
            into += 1
        others = self._others(key, week)
        year_ago = self.cells[key].get(week - 52)
        return {
            "is_promoted": float(promoted),
            "discount": planned_discount(lines) if lines else None,
            "promo_type": planned_kind(lines) if lines else None,
            "promos": len({line.promo_id for line in lines}),
            "planned_spend": sum(spends) if spends else None,
            "promoted_before": float(self._is_planned(key, week - 1)),
            "promoted_after": float(week + 1 < WEEKS + HORIZON and self._is_planned(key, week + 1)),
            "discount_before": self._discount(key, week - 1),
            "weeks_into_promotion": into,
            "competing_share": self._competing_share(key, week),
            "competing_discount": fmean(self._discount(k, week) for k in others) if others else 0.0,
            "iso_week": (FIRST + timedelta(weeks=week)).isocalendar().week,
            "year_ago_units": year_ago["units"] if year_ago else None,
            "year_ago_level": _mean(self._units([key], week - 53, week - 51)),
            "year_ago_promoted": float(year_ago["ran"]) if year_ago else None,
            "own_season": self._own_season(key, week),
            "category_season": self._category_season(key, week),
            "calendar_trust": self._trust(key, week),
        }  # fmt: skip


def monday(week: int) -> date:
    return FIRST + timedelta(weeks=week)
