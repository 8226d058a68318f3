"""A week that flags a whole category as none before did is named; a category that is always promoted is not."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from pyspark.sql import SparkSession

from jobs.glue.demand.demand_suspects import suspect_calendar_weeks

pytestmark = pytest.mark.spark

FIRST = date(2024, 1, 1)
WEEKS, FALSE_WEEK, EARLY_WEEK = 70, 66, 30


def promoted(category: str, number: int, week: int) -> bool:
    if category == "Always":
        return True
    if category == "Few":
        return number == 0 or week == FALSE_WEEK
    return (
        week in (FALSE_WEEK, EARLY_WEEK - 1)
        if category == "Twice"
        else week == FALSE_WEEK or number % 2 == week % 2
    )


def test_a_week_that_flags_a_category_as_none_before_is_named(spark: SparkSession) -> None:
    series = {"Juice": 20, "Always": 20, "Few": 19, "Twice": 20}
    rows = [
        (category, FIRST + timedelta(weeks=week), promoted(category, number, week))
        for category, count in series.items()
        for number in range(count)
        for week in range(WEEKS)
    ]
    table = spark.createDataFrame(rows, "category string, week date, is_promoted boolean")
    assert suspect_calendar_weeks(table) == [
        {"week": "2025-04-07", "category": "Juice", "share": 1.0, "highest_before": 0.5}
    ]
