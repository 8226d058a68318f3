"""A week that flags a whole category as none before did is believed in part and named; what is usual is believed.

A mistake says nothing of what is usual, so a second one is found as well as the first. The rule is computed a second
time in plain Python.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from datetime import date, timedelta
from statistics import fmean

import pytest
from pyspark.sql import DataFrame, SparkSession

from jobs.glue.demand.demand_suspects import suspect_calendar_weeks, with_trust

pytestmark = pytest.mark.spark

FIRST = date(2024, 1, 1)
WEEKS, FALSE_WEEK, EARLY_WEEK = 70, 66, 30
FALSE_BEFORE, NEW_PRACTICE = 58, 60
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
        case (
            "Again"
        ):  # the first mistake hardly has a discount, which would hide the second where flags are few
            return week in (FALSE_BEFORE, FALSE_WEEK) or (number == 0 and every_other), (
                {FALSE_BEFORE: 0.0, FALSE_WEEK: 0.05}.get(week, 0.2)
            )
        case "Often":  # from one week on everything is flagged, always
            return every_other or week >= NEW_PRACTICE, None
        case "Nearly":  # nineteen in twenty
            return every_other or (everything and number < 18), None
    raise AssertionError(category)


CATEGORIES = (
    "Always",
    "Few",
    "Twice",
    "Early",
    "Juice",
    "Event",
    "Unpriced",
    "Never",
    "Again",
    "Often",
    "Nearly",
)


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

    def discounts(category: str, weeks: list[int]) -> float:
        flagged = [d for week in weeks for d in cells.get((category, week), []) if d is not None]
        return fmean(flagged) if flagged else 0.0

    found: dict[tuple[str, int], float] = {}
    for (category, week), share in sorted(shares.items()):
        seen = [w for w in range(week) if (category, w) in shares]
        before = [w for w in seen if found[category, w] == 1.0 and len(cells[category, w]) >= 20]
        year = [w for w in before if w >= week - 52]
        suspect = (
            len(before) >= 52
            and len(cells[category, week]) >= 20
            and share >= 0.9
            and share >= 0.05 + max(shares[category, w] for w in before)
            and discounts(category, [week]) <= 0.5 * discounts(category, year)
            and sum(found[category, w] < 1.0 for w in seen if w >= week - 52) < 3
        )
        usual = fmean(shares[category, w] for w in [*year, week])
        found[category, week] = usual / share if suspect else 1.0
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
        ("Again", FALSE_BEFORE): pytest.approx((26 * 0.05 + 1) / 53),
        ("Again", FALSE_WEEK): pytest.approx((26 * 0.05 - 0.05 + 1) / 52),
        **{
            ("Often", NEW_PRACTICE + late): pytest.approx(((52 - late) * 0.5 + 1) / (53 - late))
            for late in range(3)
        },
    }


def random_calendars() -> list[Row]:
    """Series that begin later, and weeks that flag more or less of everything at more or less of a discount."""
    draw = random.Random(4)
    rows: list[Row] = []
    for category in range(60):
        density, depth = draw.choice([0.0, 0.1, 0.5]), draw.choice([0.0, 0.1, 0.3])
        wild = {draw.randrange(50, 75): draw.choice([0.88, 0.97, 1.0]) for _ in range(draw.choice([2, 9]))}
        wild_depth = draw.choice([None, 0.0, 0.05, depth])
        for number in range(draw.choice([19, 20, 30, 40])):
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
    doubted = Counter(category for (category, _), value in expected.items() if value < 1)
    assert {1, 2, 3} <= {*doubted.values()}


def test_later_weeks_change_no_earlier_trust(spark: SparkSession) -> None:
    rows = planned()
    known = [row for row in rows if row[2] <= FALSE_WEEK]
    whole = trust_of(spark, rows)
    assert trust_of(spark, known) == {cell: value for cell, value in whole.items() if cell[1] <= FALSE_WEEK}


def test_the_weeks_that_are_not_believed_are_named(spark: SparkSession) -> None:
    doubted = {(category, FALSE_WEEK) for category in ("Juice", "Nearly", "Again")} | {
        ("Again", FALSE_BEFORE)
    }
    table = as_written(
        spark, [row for row in planned() if row[0] in ("Juice", "Event", "Nearly", "Again")], doubted
    )
    assert suspect_calendar_weeks(table) == [
        {"week": week, "category": name, "share": share, "highest_before": highest, "trust": 0.51}
        for week, name, share, highest in (
            ("2025-04-07", "Again", 1.0, 0.05),
            ("2025-04-07", "Juice", 1.0, 0.5),
            ("2025-04-07", "Nearly", 0.95, 0.5),
            ("2025-02-10", "Again", 1.0, 0.05),
        )
    ]


def as_written(spark: SparkSession, rows: list[Row], doubted: set[tuple[str, int]]) -> DataFrame:
    written = [
        (
            category,
            FIRST + timedelta(weeks=week),
            promoted,
            discount,
            0.51 if (category, week) in doubted else 1.0,
        )
        for (category, _, week, promoted, discount) in rows
    ]
    kind = "category string, week date, is_promoted boolean, discount double, calendar_trust double"
    return spark.createDataFrame(written, kind)


@pytest.mark.parametrize(("series", "is_named"), [(19, True), (7, True), (5, True), (4, False)])
def test_a_false_week_of_few_series_is_named_but_believed(
    spark: SparkSession, series: int, is_named: bool
) -> None:
    """Two in five are promoted in an ordinary week. Of four series nobody can tell."""
    rows: list[Row] = [
        (
            "Small",
            number,
            week,
            week == FALSE_WEEK or (number + week) % 5 < 2,
            0.01 if week == FALSE_WEEK else 0.2,
        )
        for number in range(series)
        for week in range(WEEKS)
    ]
    assert set(trust_of(spark, rows).values()) == {1.0}
    highest = max(sum((number + week) % 5 < 2 for number in range(series)) for week in range(5)) / series
    named = {"week": "2025-04-07", "category": "Small", "share": 1.0, "trust": 1.0}
    expected = [{**named, "highest_before": round(highest, 3)}] if is_named else []
    assert suspect_calendar_weeks(as_written(spark, rows, set())) == expected


def test_weeks_of_a_series_or_two_do_not_hide_a_mistake(spark: SparkSession) -> None:
    """One of the series begins a week before the others, promoted: all that there is of its category is flagged."""
    rows: list[Row] = [
        (
            "Lone",
            number,
            week,
            week in (0, FALSE_WEEK) or number % 2 == week % 2,
            0.01 if week == FALSE_WEEK else 0.2,
        )
        for number in range(20)
        for week in range(min(number, 1), WEEKS)
    ]
    found = trust_of(spark, rows)
    assert {cell: value for cell, value in found.items() if value < 1.0} == {
        ("Lone", FALSE_WEEK): pytest.approx((52 * 0.5 + 1) / 53)
    }
    (named,) = suspect_calendar_weeks(as_written(spark, rows, {("Lone", FALSE_WEEK)}))
    assert named["highest_before"] == 0.5
