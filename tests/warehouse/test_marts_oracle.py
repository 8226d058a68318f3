"""Both marts against the same figures computed in plain Python, over worlds that nobody would think of."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from contracts.cpg.stockout import STOCKOUT_DAYS
from tasks.warehouse.warehouse_marts import headlines
from tests.warehouse.facts import FIRST_WEEK, Line, Sold, Stock, World
from tests.warehouse.standin import Warehouse
from warehouse.marts.cpg.headlines import HEADLINES

pytestmark = pytest.mark.e2e  # needs the local Snowflake

SKUS = (1, 2, 3, 4)
PROMOS = ("A", "B", "C")

sales = st.lists(
    st.builds(
        Sold,
        week=st.integers(-9, 3),
        weekday=st.integers(0, 6),
        units=st.integers(1, 20),
        margin=st.none() | st.integers(-2, 5),
        flag=st.sampled_from((None, True, False)),
        promo=st.sampled_from((None, *PROMOS, "ELSE")),
        sku=st.sampled_from(SKUS),
    ),
    min_size=20,
    max_size=120,
)
lines = st.lists(
    st.builds(
        Line,
        promo=st.sampled_from(PROMOS),
        week=st.integers(-4, 4),
        spend=st.sampled_from((None, 0, 7, 50, 140)),
        promoted=st.sampled_from((True, True, True, None, False)),
        withdrawn=st.sampled_from((False, False, False, True)),
        sku=st.sampled_from(SKUS),
    ),
    max_size=28,
    unique_by=lambda line: (line.promo, line.week, line.sku),
)
empty_shelves = st.lists(
    st.tuples(st.sampled_from(SKUS), st.integers(-9, 2), st.integers(1, 5), st.integers(-2, 1)),
    max_size=24,
    unique_by=lambda run: run[:2],
).map(
    lambda runs: [Stock(week, day, closing, sku) for sku, week, days, closing in runs for day in range(days)]
)
worlds = st.builds(World, sales, lines, empty_shelves)


class Oracle:
    """The rules of docs/marts.md, in fractions."""

    def __init__(self, world: World) -> None:
        self.sales = list(world.sales)
        self.lines = [line for line in world.lines if line.promoted is not False and not line.withdrawn]
        last = max(sold.date for sold in self.sales)
        self.last_week, self.last_weekday = divmod((last - FIRST_WEEK).days, 7)
        empty: dict[tuple[int, int], int] = defaultdict(int)
        for fact in world.stock:
            empty[fact.sku, fact.week] += fact.closing <= 0
        self.out_of_stock = {cell for cell, days in empty.items() if days >= STOCKOUT_DAYS}
        self.promos_of: dict[tuple[int, int], list[str]] = defaultdict(list)
        self.first_week: dict[tuple[str, int], int] = {}
        for line in self.lines:
            self.promos_of[line.sku, line.week].append(line.promo)
            key = line.promo, line.sku
            self.first_week[key] = min(line.week, self.first_week.get(key, line.week))

    def sold(self, sku: int, week: int, until: int = 6) -> list[Sold]:
        return [s for s in self.sales if (s.sku, s.week) == (sku, week) and s.weekday <= until]

    def days(self, week: int) -> int:
        return self.last_weekday + 1 if week == self.last_week else 7

    def baseline(self, sku: int, first: int) -> tuple[list[int], int]:
        """The weeks, and how many were left out for want of stock."""
        begun = min((s.week for s in self.sales if s.sku == sku), default=None)
        closed = self.last_week if self.last_weekday == 6 else self.last_week - 1
        weeks = [
            week
            for week in range(first - 8, first)
            if begun is not None and begun <= week <= closed and not self.promos_of.get((sku, week))
        ]
        stocked = [week for week in weeks if (sku, week) not in self.out_of_stock]
        return stocked, len(weeks) - len(stocked)

    def share(self, promo: str, sku: int, week: int) -> Fraction:
        promos = self.promos_of[sku, week]
        named = [
            s
            for s in self.sold(sku, week)
            if s.promo in promos and s.flag is not False and s.promo is not None
        ]
        if not named:
            return Fraction(1, len(promos))
        mine = sum(s.units for s in named if s.promo == promo)
        return Fraction(mine, sum(s.units for s in named))

    def row(self, promo: str, sku: int) -> dict[str, Any]:
        own = sorted(
            (line for line in self.lines if (line.promo, line.sku) == (promo, sku)), key=lambda x: x.week
        )
        started = [line for line in own if line.week <= self.last_week]
        last = own[-1].week
        row: dict[str, Any] = {
            "weeks": len(own),
            "weeks_started": len(started),
            "is_complete": (last, 6) <= (self.last_week, self.last_weekday),
            "days_measured": sum(self.days(line.week) for line in started),
            "shared_weeks": sum(len(self.promos_of[sku, line.week]) > 1 for line in started),
            "stockout_weeks": sum((sku, line.week) in self.out_of_stock for line in started),
            "weeks_without_spend": sum(line.spend is None for line in started),
        }
        firsts = [min(self.first_week[p, sku] for p in self.promos_of[sku, line.week]) for line in started]
        baselines = [self.baseline(sku, first) for first in firsts or [self.first_week[promo, sku]]]
        row["baseline_weeks"] = min(len(weeks) for weeks, _ in baselines)
        row["baseline_stockout_weeks"] = max(left_out for _, left_out in baselines)
        row["has_baseline"] = row["baseline_weeks"] > 0
        means = [
            Fraction(sum(s.units for week in weeks for s in self.sold(sku, week)), len(weeks))
            for weeks, _ in baselines
            if weeks
        ]
        row["baseline_weekly_units"] = sum(means) / len(means) if row["has_baseline"] else None
        row.update(self.measures(promo, sku, started, baselines))
        return row

    def measures(self, promo: str, sku: int, started: list[Line], baselines: list[Any]) -> dict[str, Any]:
        names = ("units", "net_revenue", "attributed_units", "baseline_units", "uplift_units", "uplift_pct")
        row: dict[str, Any] = dict.fromkeys((*names, "incremental_margin", "spend", "roi"))
        if not started:
            return row
        units = revenue = 0
        attributed = costed = margin = Fraction(0)
        expected: Fraction | None = Fraction(0)
        expected_margin: Fraction | None = Fraction(0)
        for line, (weeks, _) in zip(started, baselines, strict=True):
            share = self.share(promo, sku, line.week)
            found = self.sold(sku, line.week)
            units += sum(s.units for s in found)
            revenue += sum(s.revenue for s in found)
            attributed += share * sum(s.units for s in found)
            costed += share * sum(s.units for s in found if s.margin is not None)
            margin += share * sum(s.units * s.margin for s in found if s.margin is not None)
            before = [s for week in weeks for s in self.sold(sku, week, until=self.days(line.week) - 1)]
            whole = [s for week in weeks for s in self.sold(sku, week) if s.margin is not None]
            if not weeks:
                expected = expected_margin = None
            if expected is not None:
                part = share * Fraction(sum(s.units for s in before), len(weeks))
                expected += part
                if part and not whole:
                    expected_margin = None
                elif part and expected_margin is not None:
                    earned = Fraction(
                        sum(s.units * s.margin for s in whole if s.margin is not None),
                        sum(s.units for s in whole),
                    )
                    expected_margin += part * earned
        row.update(units=units, net_revenue=revenue, attributed_units=attributed, baseline_units=expected)
        if expected is not None:
            row["uplift_units"] = attributed - expected
            row["uplift_pct"] = 100 * (attributed - expected) / expected if expected else None
        known = attributed * margin / costed if costed else (None if attributed else Fraction(0))
        if known is not None and expected_margin is not None:
            row["incremental_margin"] = known - expected_margin
        spends = [Fraction(x.spend * self.days(x.week), 7) for x in started if x.spend is not None]
        row["spend"] = sum(spends) if spends else None
        if row["incremental_margin"] is not None and len(spends) == len(started) and sum(spends):
            row["roi"] = (row["incremental_margin"] - sum(spends)) / sum(spends)
        return row

    def weekly_uplift(self, article: int) -> Fraction:
        """Of every promoted week once: what the rows have to add up to where all have a baseline."""
        total = Fraction(0)
        for (sku, week), promos in self.promos_of.items():
            if sku == article and week <= self.last_week:
                weeks, _ = self.baseline(sku, min(self.first_week[p, sku] for p in promos))
                before = [s for w in weeks for s in self.sold(sku, w, until=self.days(week) - 1)]
                total += sum(s.units for s in self.sold(sku, week))
                total -= Fraction(sum(s.units for s in before), len(weeks))
        return total


def close(found: Any, wanted: Any) -> Any:
    if isinstance(wanted, Fraction) and found is not None:
        return float(found) == pytest.approx(float(wanted), rel=1e-6, abs=1e-4)
    return found == wanted


@settings(
    max_examples=8,
    deadline=None,
    phases=(
        Phase.explicit,
        Phase.reuse,
        Phase.generate,
    ),  # an example takes a second: shrinking takes minutes
    suppress_health_check=list(HealthCheck),
)
@given(world=worlds)
def test_the_marts_agree_with_plain_python(warehouse: Warehouse, world: World) -> None:
    world.measured(warehouse)
    oracle = Oracle(world)
    wanted = {key: oracle.row(*key) for key in oracle.first_week}
    columns = list(next(iter(wanted.values()), {"weeks": 0}))
    rows = warehouse.rows(
        f"SELECT promo_id, sku_key, {', '.join(columns)} FROM MARTS.PROMO_EFFECTIVENESS_MART"
    )
    found = {(promo, sku): dict(zip(columns, row, strict=True)) for promo, sku, *row in rows}
    assert found.keys() == wanted.keys()
    wrong = {
        (*key, name): (found[key][name], row[name])
        for key, row in wanted.items()
        for name in row
        if not close(found[key][name], row[name])
    }
    assert wrong == {}

    figures = headlines(warehouse.connection, HEADLINES)
    measured = {key: row for key, row in wanted.items() if row["weeks_started"]}
    for article in {sku for _, sku in measured}:
        rows_of = [key for key in measured if key[1] == article]
        if all(wanted[key]["has_baseline"] for key in rows_of):
            added_up = sum(found[key]["uplift_units"] for key in rows_of)
            assert close(added_up, oracle.weekly_uplift(article))
    assert figures["promotions_of_unknown_spend"] == sum(
        row["weeks_without_spend"] > 0 for row in measured.values()
    )
    _sales_agree(warehouse, oracle.sales, figures)


def _sales_agree(warehouse: Warehouse, sold: list[Sold], figures: dict[str, Any]) -> None:
    wanted: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0, 0])
    for fact in sold:
        cell = wanted[fact.sku, (fact.date - FIRST_WEEK) // timedelta(days=1)]
        promoted = fact.flag if fact.flag is not None else (True if fact.promo else None)
        cell[0] += fact.revenue
        cell[1] += fact.revenue if promoted else 0
        cell[2] += fact.revenue if promoted is None else 0
    rows = warehouse.rows(
        "SELECT sku_code, full_date, net_revenue, promo_revenue, promo_unknown_revenue FROM MARTS.SALES_PERFORMANCE_MART"
    )
    found = {
        (int(sku[1:]), (day - FIRST_WEEK).days): [int(value) for value in row] for sku, day, *row in rows
    }
    assert found == dict(wanted)
    revenue, promoted, unknown = (sum(cell[n] for cell in wanted.values()) for n in range(3))
    assert (figures["promo_revenue"], figures["promo_unknown_revenue"]) == (promoted, unknown)
    assert figures["promo_unknown_pct"] == pytest.approx(100 * unknown / revenue)
