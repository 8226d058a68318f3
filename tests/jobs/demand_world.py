"""A small world of curated sales, stock and promotions over an ISO year's turn, and what its features should be.

The features are computed a second time in plain Python, week by week, from the definitions and not from the job.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from statistics import fmean, median, pstdev
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

FIRST = date(2020, 6, 1)  # 2020 has 53 ISO weeks
WEEKS = 100
AS_OF = FIRST + timedelta(weeks=WEEKS)
HORIZON = 4
CATEGORY = {"A-1": "Tea", "A-2": "Tea", "A-3": "Tea", "B-1": "Soap"}
REGIONS = ("N", "S")
PRICE = 10.0
Key = tuple[str, str]
Cell = dict[str, Any]


class World:
    """Weekly units and prices per series; `None` where nothing was sold."""

    def __init__(self, seed: int = 5) -> None:
        draw = np.random.default_rng(seed)
        self.units: dict[Key, list[int]] = {}
        self.promos: dict[tuple[str, str, int], tuple[float | None, str | None]] = {}
        self.price: dict[tuple[str, str, int], float] = {}
        self.stockouts: set[tuple[str, str, int]] = set()
        self.undelivered: set[date] = set()
        self.late_orders: list[tuple[Key, date, int]] = []
        self.redelivered: dict[date, date] = {}
        """Days whose orders were all corrected or delivered later: when."""
        self.stocked: list[tuple[Key, date, int]] = []
        self.launches: dict[str, date] = {}
        self.inactive: set[str] = set()
        self.later_calendars: list[date] = []
        self.other_articles: list[tuple[str, bool | None, date | None]] = []
        for number, sku in enumerate(CATEGORY):
            for region in REGIONS:
                start = 20 if sku == "A-3" else 0
                self.units[sku, region] = [0] * start + [
                    int(u) for u in draw.poisson(8 + 5 * number, WEEKS - start)
                ]
                for week in range(number, WEEKS + HORIZON, 9):
                    self._promote(sku, region, week, (0.2, "price_off") if week % 2 else (None, "display"))
                self.units[sku, region][40:43] = [0, 0, 0]  # nobody sold anything: nothing was delivered
        self.units["A-2", "S"][50:54] = [0, 0, 0, 0]  # the others sold
        for week in (30, 31):
            self.units["A-1", "N"][week] = 1
            self.stockouts.add(("A-1", "N", week))

    def _promote(self, sku: str, region: str, week: int, what: tuple[float | None, str]) -> None:
        self.promos[sku, region, week] = what
        if what[0] and week < WEEKS and week % 5:  # every fifth one never reached the shelf
            self.units[sku, region][week] *= 3
            self.price[sku, region, week] = PRICE * (1 - what[0])

    def write(self, folder: Path) -> dict[str, Any]:
        folder.mkdir(parents=True, exist_ok=True)
        tables = {
            "sales": self._sales(),
            "promotions": self._promotions(),
            "inventory": self._inventory(),
            "sku": self._skus(),
        }
        files = {}
        for name, table in tables.items():
            pq.write_table(table, folder / f"{name}.parquet")
            files[name] = {"snapshot_id": 1, "files": [f"file://{folder}/{name}.parquet"]}
        return files

    def _sales(self) -> pa.Table:
        """Each day's file holds that day's orders."""
        rows = []
        for (sku, region), units in self.units.items():
            for week, sold in enumerate(units):
                price = self.price.get((sku, region, week), PRICE)
                for part, day in ((sold // 2, 0), (sold - sold // 2, 6)):  # Monday and Sunday of one week
                    ordered = FIRST + timedelta(weeks=week, days=day)
                    if part and ordered not in self.undelivered:
                        rows.append((sku, region, ordered, part, part * price))
        rows += [
            (sku, region, AS_OF + timedelta(days=n), 500, 100.0)
            for n in range(9)
            for sku, region in self.units
        ]
        rows += [(*key, day, sold, sold * PRICE) for key, day, sold in self.late_orders]
        columns = list(zip(*rows, strict=True))
        return pa.table(
            {
                "sku_code": pa.array(columns[0]),
                "region_code": pa.array(columns[1]),
                "order_date": pa.array(columns[2], pa.date32()),
                "quantity": pa.array(columns[3], pa.int64()),
                "net_revenue": pa.array(columns[4]).cast(pa.decimal128(18, 4)),
                "source_date": pa.array([self.redelivered.get(d, d) for d in columns[2]], pa.date32()),
            }
        )

    def _promotions(self) -> pa.Table:
        calendar, older = AS_OF - timedelta(weeks=1), AS_OF - timedelta(weeks=3)
        rows = [
            ("P", sku, region, FIRST + timedelta(weeks=week), kind, depth, True, None, calendar)
            for (sku, region, week), (depth, kind) in self.promos.items()
        ]
        ahead = FIRST + timedelta(weeks=WEEKS + HORIZON - 1)
        rows += [
            # on hold; promoted where nothing was ever sold; gone from the newest calendar
            ("H", "B-1", "N", ahead, "price_off", 0.5, False, None, calendar),
            ("N", "A-1", "NEW", ahead, "display", None, True, None, calendar),
            ("W", "A-2", "S", ahead - timedelta(weeks=1), "bundle", 0.4, True, None, older),
        ]
        rows += [
            # calendars that have nothing but a line beyond the horizon
            ("L", "B-1", "N", ahead + timedelta(weeks=1), "display", None, True, None, delivered)
            for delivered in self.later_calendars
        ]
        names = ("promo_id", "sku_code", "region_code", "week", "promo_type", "promo_discount_pct", "is_promoted",
                 "planned_spend", "source_date")  # fmt: skip
        types = (pa.string(), pa.string(), pa.string(), pa.date32(), pa.string(), pa.float64(), pa.bool_(),
                 pa.decimal128(18, 4), pa.date32())  # fmt: skip
        columns = zip(*rows, strict=True)
        return pa.table(
            {name: pa.array(column, kind) for name, column, kind in zip(names, columns, types, strict=True)}
        )

    def _inventory(self) -> pa.Table:
        rows = [
            (sku, region, FIRST + timedelta(weeks=week, days=day), 0)
            for sku, region, week in sorted(self.stockouts)
            for day in range(4)
        ]
        rows += [
            ("C-9", "N", FIRST + timedelta(weeks=week), 50) for week in range(WEEKS)
        ]  # in stock, never sold
        rows += [(*key, day, stock) for key, day, stock in self.stocked]
        rows = [(*row, self.redelivered.get(row[2], row[2])) for row in rows]
        names = ("sku_code", "region_code", "snapshot_date", "closing_stock", "source_date")
        types = (pa.string(), pa.string(), pa.date32(), pa.int64(), pa.date32())
        columns = zip(*rows, strict=True)
        return pa.table(
            {name: pa.array(column, kind) for name, column, kind in zip(names, columns, types, strict=True)}
        )

    def _skus(self) -> pa.Table:
        """In the master's own words: whether an article is still sold, since when and until when."""
        known = [
            (sku, category, False if sku in self.inactive else None, None)
            for sku, category in CATEGORY.items()
        ]
        known += [(sku, "Tea", is_active, last_day) for sku, is_active, last_day in self.other_articles]
        columns = zip(*((*row, self.launches.get(row[0])) for row in known), strict=True)
        names = ("sku_code", "category", "is_active", "discontinue_date", "launch_date")
        types = (pa.string(), pa.string(), pa.bool_(), pa.date32(), pa.date32())
        return pa.table(
            {name: pa.array(column, kind) for name, column, kind in zip(names, columns, types, strict=True)}
        )


class Oracle:
    """The cells of every series that ever sold, by week number from FIRST."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cells: dict[Key, dict[int, Cell]] = {}
        for key, units in world.units.items():
            start = next(week for week, sold in enumerate(units) if sold)
            self.cells[key] = {week: self._cell(key, week, units[week]) for week in range(start, WEEKS)}
        self._judge_prices()
        for cells in self.cells.values():
            for week in cells:
                self._level(cells, week)

    def _cell(self, key: Key, week: int, units: int) -> Cell:
        promo = self.world.promos.get((*key, week))
        return {
            "units": units,
            "price": self.world.price.get((*key, week), PRICE) if units else None,
            "promoted": promo is not None,
            "discount": promo[0] if promo else None,
            "stockout": (*key, week) in self.world.stockouts
            or not any(sold[week] for sold in self.world.units.values()),
        }

    @staticmethod
    def usual_price(cells: dict[int, Cell], week: int) -> float | None:
        """Of the weeks before; `week` itself need not have come."""
        before = [cells[w] for w in range(week - 26, week) if w in cells]
        usual = [c["price"] for c in before if c["price"] and not c["promoted"]]
        older = [c["price"] for w, c in cells.items() if w < week and c["price"] and not c["promoted"]]
        any_price = [c["price"] for w, c in cells.items() if week - 52 <= w < week and c["price"]]
        return median(usual) if usual else fmean(older) if older else max(any_price, default=None)

    def _judge_prices(self) -> None:
        for cells in self.cells.values():
            for week, cell in cells.items():
                cell["usual_price"] = found = self.usual_price(cells, week)
                cell["index"] = cell["price"] / found if found and cell["price"] else None
                telling = cell["promoted"] and (cell["discount"] or 0) >= 0.05 and cell["index"] is not None
                cell["telling"] = telling
                cell["unmoved"] = telling and cell["index"] > 1 - 0.3 * cell["discount"]
                quiet = {
                    weeks: [
                        cells[w]["units"]
                        for w in range(week - weeks, week)
                        if w in cells and not cells[w]["promoted"] and not cells[w]["stockout"]
                    ]
                    for weeks in (26, 52)
                }
                sold = quiet[26] or quiet[52]
                cell["sold more"] = bool(sold) and cell["units"] >= 1.5 * median(sold)
        telling = unmoved = 0
        for week in range(WEEKS):
            of_week = [cells[week] for cells in self.cells.values() if week in cells]
            telling += sum(c["telling"] for c in of_week)
            unmoved += sum(c["unmoved"] for c in of_week)
            for cell in of_week:
                follows = telling - unmoved >= 0.6 * telling
                cell["contradicts"] = cell["unmoved"] and not cell["sold more"] and follows
                cut = not cell["promoted"] and cell["index"] is not None and cell["index"] < 0.93
                cell["ran"] = cell["promoted"] and not cell["contradicts"]
                cell["normal"] = not cell["ran"] and not cut and not cell["stockout"]

    def _level(self, cells: dict[int, Cell], week: int) -> None:
        def normal(weeks: int) -> list[int]:
            return [cells[w]["units"] for w in range(week - weeks, week) if w in cells and cells[w]["normal"]]

        found: float | None = None
        for weeks in (13, 26, 52):
            if found is None and len(normal(weeks)) >= 3:
                middle = median(normal(weeks))
                found = middle if middle >= 5 else fmean(normal(weeks))
        if found is None:
            recent = [cells[w]["units"] for w in range(week - 26, week) if w in cells]
            found = fmean(recent) if recent else None
        cell = cells[week]
        cell["base"] = found
        lifted = cell["ran"] and not cell["stockout"] and found is not None
        cell["lift"] = (
            math.log((cell["units"] + 0.5) / (found + 0.5)) if lifted and found is not None else None
        )

    def expected(self, key: Key, week: int) -> dict[str, float | None]:
        cells = self.cells[key]
        category = CATEGORY[key[0]]

        def of(read: Callable[[Cell], Any], first: int, last: int, keys: Sequence[Key] = (key,)) -> list[Any]:
            values = [
                read(self.cells[k][w])
                for k in keys
                for w in range(week - first, week - last + 1)
                if w in self.cells[k]
            ]
            return [value for value in values if value is not None]

        def mean(values: list[Any]) -> float | None:
            return fmean(values) if values else None

        peers = [k for k in self.cells if CATEGORY[k[0]] == category]
        beside = [k for k in peers if k[1] == key[1]]
        of_sku = [k for k in self.cells if k[0] == key[0]]
        others = [k for k in beside if k != key and week in self.cells[k]]
        promoted = [(*k, week) in self.world.promos for k in others]
        units = lambda cell: cell["units"]  # noqa: E731
        then, level = of(units, 53, 51, beside), of(units, 77, 27, beside)
        level_weeks = {w for k in beside for w in self.cells[k] if week - 77 <= w <= week - 27}
        season = (
            math.log((fmean(then) + 0.5) / (fmean(level) + 0.5)) if then and len(level_weeks) >= 26 else None
        )
        sales = [w for w, c in cells.items() if w < week and c["units"] > 0]
        return {
            "units": cells[week]["units"],
            "base_units": cells[week]["base"],
            "usual_price": cells[week]["usual_price"],
            **{f"lag_{n}": (cells[week - n]["units"] if week - n in cells else None) for n in (1, 4, 13, 52)},
            **{f"mean_{n}": mean(of(units, n, 1)) for n in (4, 13, 52)},
            "std_13": pstdev(of(units, 13, 1)) if of(units, 13, 1) else None,
            "zero_share_13": mean(of(lambda c: int(c["units"] == 0), 13, 1)),
            "normal_4": mean(of(lambda c: c["units"] if c["normal"] else None, 4, 1)),
            "promoted_share_13": mean(of(lambda c: int(c["ran"]), 13, 1)),
            "stockout_share_8": mean(of(lambda c: int(c["stockout"]), 8, 1)),
            "own_lift": mean(of(lambda c: c["lift"], 104, 1)),
            "own_promotions": len(of(lambda c: c["lift"], 104, 1)),
            "sku_lift": mean(of(lambda c: c["lift"], 104, 1, of_sku)),
            "category_lift": mean(of(lambda c: c["lift"], 104, 1, peers)),
            "promo_price_index": mean(of(lambda c: c["index"] if c["ran"] else None, 104, 1)),
            "profile_units": mean(of(units, 13, 1, beside)) if of(units, 13, 1, beside) else None,
            "year_ago_units": mean(of(units, 52, 52)),
            "category_season": season,
            "competing_share": sum(promoted) / len(others) if others else 0.0,
            "weeks_known": len([w for w in cells if w < week]),
            "weeks_since_sale": week - max(sales) if sales else None,
            "contradicts": float(cells[week]["contradicts"]),
        }
