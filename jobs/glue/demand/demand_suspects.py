"""Weeks whose calendar cannot be right: the forecast believes them in part, and somebody looks before it is ordered by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.glue.demand.demand_groups import past
from jobs.glue.demand.demand_manifest import monday_of
from jobs.glue.demand.demand_weeks import week_no

_MOST_OF_A_CATEGORY = 0.9
_ABOVE_ALL_BEFORE = 0.05
_LEAST_SERIES = 20
_LEAST_WEEKS = 52
"""Fewer series are promoted all at once by chance, and fewer weeks say nothing of what is usual."""
_LEAST_TOLD = 5
"""Of so few series a week that looks false is named, but believed."""
_AS_DEEP = 0.5
"""A week whose flags come with more than this share of the usual discount is an event, not a mistake."""
_A_YEAR = 52
_MOST_MISTAKES = 3
"""In a year: what is flagged more often than that is how this calendar is kept, and counts as usual."""
_MOST_NAMED = 10


@dataclass(frozen=True)
class _Week:
    """Of a category: `share` of its series are flagged, `depth` is the sum of their discounts."""

    number: int
    share: float
    flags: int
    depth: float
    series: int


def with_trust(cells: DataFrame) -> DataFrame:
    """`calendar_trust`: how much of a week's flags to believe, by what the calendar says of it and of the weeks before.

    1 in an ordinary week. In one that flags nine in ten series of a category, and more of it than any week before that
    was believed, at hardly a discount: the share that is usual, over the share flagged. Sales play no part, so that it
    is known as far ahead as the calendar.
    """
    found = cells.sparkSession.createDataFrame(
        list(_doubted(cells, _LEAST_SERIES)), "category string, week_no int, calendar_trust double"
    )
    joined = cells.join(F.broadcast(found), ["category", "week_no"], "left")
    return joined.withColumn("calendar_trust", F.coalesce("calendar_trust", F.lit(1.0)))


def _doubted(cells: DataFrame, least: int) -> Iterator[tuple[str, int, float]]:
    """Category, week and trust. Weeks with fewer than `least` series play no part.

    Whether a week is believed depends on which weeks before it were: none can be told alone.
    """
    flagged = F.expr("CASE WHEN is_promoted THEN coalesce(discount, 0.0D) END")
    by_week = cells.groupBy("category", "week_no").agg(
        F.avg(F.col("is_promoted").cast("int")).alias("share"),
        F.count(flagged).alias("flags"),
        F.coalesce(F.sum(flagged), F.lit(0.0)).alias("depth"),
        F.count(F.lit(1)).alias("series"),
    )
    flags_most = f"max(share >= {_MOST_OF_A_CATEGORY}) OVER (PARTITION BY category)"
    of_many = by_week.where(f"series >= {least}")
    of_some = of_many.withColumn("is_in_question", F.expr(flags_most)).where("is_in_question")
    named = of_some.selectExpr("category", "week_no AS number", "share", "flags", "depth", "series")
    rows = named.orderBy("category", "number").collect()
    for category, group in groupby(rows, key=lambda row: str(row["category"])):
        weeks = (_Week(*row[1:]) for row in group)
        yield from ((category, week, trust) for week, trust in _mistakes(weeks))


def _mistakes(weeks: Iterable[_Week]) -> Iterator[tuple[int, float]]:
    """The weeks of a category that are not believed in full, and how far they are."""
    believed: list[_Week] = []
    doubted: list[int] = []
    for week in weeks:
        year = [each for each in believed if each.number >= week.number - _A_YEAR]
        if (
            week.share >= _MOST_OF_A_CATEGORY
            and sum(number >= week.number - _A_YEAR for number in doubted) < _MOST_MISTAKES
            and _is_suspect(week, believed, year)
        ):
            doubted.append(week.number)
            # With the week itself, so that flags are never worth nothing at all.
            usual = [*(each.share for each in year), week.share]
            yield week.number, sum(usual) / len(usual) / week.share
        else:
            believed.append(week)


def _is_suspect(week: _Week, before: list[_Week], year: list[_Week]) -> bool:
    if len(before) < _LEAST_WEEKS or week.share < max(each.share for each in before) + _ABOVE_ALL_BEFORE:
        return False
    flags = sum(each.flags for each in year)
    usual_depth = sum(each.depth for each in year) / flags if flags else 0.0
    return week.depth / week.flags <= _AS_DEEP * usual_depth


def suspect_calendar_weeks(rows: DataFrame) -> list[dict[str, Any]]:
    """The weeks that are not believed in full: newest first, each beside the highest share believed before it.

    Beside them those that look as false in categories of too few series to doubt a flag: their trust is 1.
    """
    by_week = rows.groupBy("category", "week").agg(
        F.avg(F.col("is_promoted").cast("int")).alias("share"),
        F.min("calendar_trust").alias("trust"),
        F.count(F.lit(1)).alias("series"),
    )
    found = _with_highest_before(by_week.join(F.broadcast(_looks_false(rows)), ["category", "week"], "left"))
    named = found.where("trust < 1 OR looks_false").orderBy(F.desc("week"), "category").limit(_MOST_NAMED)
    return [
        {
            "week": row["week"].isoformat(),
            "category": row["category"],
            "share": round(row["share"], 3),
            "highest_before": round(row["highest_before"], 3),
            "trust": round(row["trust"], 3),
        }
        for row in named.collect()
    ]


def _looks_false(rows: DataFrame) -> DataFrame:
    """Weeks of few series that would be doubted if these were many."""
    numbered = rows.withColumn("week_no", F.expr(week_no("week")))
    weeks = [(category, monday_of(week)) for category, week, _ in _doubted(numbered, _LEAST_TOLD)]
    named = rows.sparkSession.createDataFrame(weeks, "category string, week date")
    few = rows.groupBy("category", "week").count().where(f"count < {_LEAST_SERIES}").drop("count")
    return named.join(few, ["category", "week"]).withColumn("looks_false", F.lit(True))


def _with_highest_before(weeks: DataFrame) -> DataFrame:
    """Of the weeks that a week was held against: believed ones of as many series as a judgement needs."""
    before = past(Window.partitionBy("category").orderBy(F.unix_date("week")))

    def highest(least: int) -> Column:
        believed = f"trust = 1 AND looks_false IS NULL AND series >= {least}"
        return F.max(F.expr(f"CASE WHEN {believed} THEN share END")).over(before)

    of_few = F.when(F.col("looks_false"), highest(_LEAST_TOLD))
    return weeks.withColumn("highest_before", F.coalesce(of_few, highest(_LEAST_SERIES)))
