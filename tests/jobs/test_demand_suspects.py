"""A week that flags a whole category as none before did is believed in part and named; what is usual is believed.

The rule is computed a second time in plain Python.
"""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import date, timedelta
from statistics import fmean

import pytest
from pyspark.sql import SparkSession

from jobs.glue.demand.demand_suspects import suspect_calendar_weeks, with_trust

pytestmark = pytest.mark.spark

FIRST = date(2024, 1, 1)
WEEKS, FALSE_WEEK, EARLY_WEEK = 70, 66, 30
SERIES = {"Few": 19}
Row = tuple[str, int, int, bool, float | None]
"""category, number of the series, week, promoted, discount"""


def plan(category: str, number: int, week: int) -> tuple[bool, float | None]:
    every_other, everything = number % 2 == week % 2, week == FALSE_WEEK
    match category:
        case "Always":
            return True, 0.2
        case "Few":
            return number == 0 or everything, None
        case "Twice":
            return week in (FALSE_WEEK, EARLY_WEEK - 1), None
        case "Early":
            return week == EARLY_WEEK, None
        case "Juice":  # flags come with a discount, in the false week with a quarter of it
            return every_other or everything, 0.05 if everything else 0.2
        case "Event":  # a sale of everything that the calendar has the prices of
            return every_other or everything, 0.2
        case "Unpriced":  # flags never come with a discount
            return every_other or everything, None
        case "Never":  # before
            return everything, None
        case "Nearly":  # nineteen in twenty
            return every_other or (everything and number < 18), None
    raise AssertionError(category)


CATEGORIES = ("Always", "Few", "Twice", "Early", "Juice", "Event", "Unpriced", "Never", "Nearly")


def planned() -> list[Row]:
    return [
        (category, number, week, *plan(category, number, week))
        for category in CATEGORIES
        for number in range(SERIES.get(category, 20))
        for week in range(WEEKS)
    ]


def trust_of(spark: SparkSession, rows: list[Row]) -> dict[tuple[str, int], float]:
    """Of each category and week; it is the same in all its series."""
    kind = "category string, number int, week_no int, is_promoted boolean, discount double"
    made = with_trust(spark.createDataFrame(rows, kind)).collect()
    assert len(made) == len(rows)
    found = defaultdict(set)
    for row in made:
        found[row["category"], row["week_no"]].add(row["calendar_trust"])
    assert {len(values) for values in found.values()} == {1}
    return {cell: values.pop() for cell, values in found.items()}


def oracle(rows: list[Row]) -> dict[tuple[str, int], float]:
    cells = defaultdict(list)
    for category, _, week, promoted, discount in rows:
        cells[category, week].append((discount or 0.0) if promoted else None)
    shares = {cell: fmean(depth is not None for depth in depths) for cell, depths in cells.items()}

    def discounts(category: str, weeks: range) -> float:
        flagged = [d for week in weeks for d in cells.get((category, week), []) if d is not None]
        return fmean(flagged) if flagged else 0.0

    found = {}
    for (category, week), share in shares.items():
        before = [shares[category, w] for w in range(week) if (category, w) in shares]
        year = [shares[category, w] for w in range(week - 52, week + 1) if (category, w) in shares]
        suspect = (
            len(before) >= 52
            and len(cells[category, week]) >= 20
            and share >= 0.9
            and share >= max(before) + 0.05
            and discounts(category, range(week, week + 1))
            <= 0.5 * discounts(category, range(week - 52, week))
        )
        found[category, week] = fmean(year) / share if suspect else 1.0
    return found


def test_a_week_is_believed_as_far_as_its_flags_are_usual(spark: SparkSession) -> None:
    found = trust_of(spark, planned())
    doubted = {cell: value for cell, value in found.items() if value != 1.0}
    usual = (52 * 0.5 + 1) / 53
    assert doubted == {
        ("Juice", FALSE_WEEK): pytest.approx(usual),
        ("Unpriced", FALSE_WEEK): pytest.approx(usual),
        ("Nearly", FALSE_WEEK): pytest.approx((52 * 0.5 + 0.95) / 53 / 0.95),
        ("Never", FALSE_WEEK): pytest.approx(1 / 53),
    }


def random_calendars() -> list[Row]:
    """Series that begin later, and weeks that flag more or less of everything at more or less of a discount."""
    draw = random.Random(4)
    rows: list[Row] = []
    for category in range(60):
        density, depth = draw.choice([0.0, 0.1, 0.5, 0.8]), draw.choice([0.0, 0.1, 0.3])
        wild = {draw.randrange(40, 75): draw.choice([0.88, 0.95, 1.0]) for _ in range(2)}
        wild_depth = draw.choice([None, 0.0, 0.05, depth])
        for number in range(draw.choice([19, 20, 25])):
            for week in range(draw.choice([0, 0, 0, 10, 40]), 75):
                promoted = draw.random() < wild.get(week, density)
                discount = wild_depth if week in wild else draw.choice([depth, depth, None])
                rows.append((f"C{category}", number, week, promoted, discount if promoted else None))
    return rows


def test_trust_is_what_its_rule_says_and_above_zero(spark: SparkSession) -> None:
    rows = random_calendars()
    found, expected = trust_of(spark, rows), oracle(rows)
    assert found == pytest.approx(expected, abs=1e-12)
    assert all(0 < value <= 1 for value in found.values())
    assert all(found[cell] == 1.0 for cell, value in expected.items() if value == 1.0)
    assert sum(value < 1 for value in expected.values()) > 10


def test_later_weeks_change_no_earlier_trust(spark: SparkSession) -> None:
    rows = planned()
    known = [row for row in rows if row[2] <= FALSE_WEEK]
    whole = trust_of(spark, rows)
    assert trust_of(spark, known) == {cell: value for cell, value in whole.items() if cell[1] <= FALSE_WEEK}


def test_the_weeks_that_are_not_believed_are_named(spark: SparkSession) -> None:
    rows = [
        (category, FIRST + timedelta(weeks=week), promoted, discount, trust)
        for (category, _, week, promoted, discount) in planned()
        if category in ("Juice", "Event", "Nearly")
        for trust in (0.51 if category != "Event" and week == FALSE_WEEK else 1.0,)
    ]
    table = spark.createDataFrame(
        rows, "category string, week date, is_promoted boolean, discount double, calendar_trust double"
    )
    assert suspect_calendar_weeks(table) == [
        {"week": "2025-04-07", "category": name, "share": share, "highest_before": 0.5, "trust": 0.51}
        for name, share in (("Juice", 1.0), ("Nearly", 0.95))
    ]
