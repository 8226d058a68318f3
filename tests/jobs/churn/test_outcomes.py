"""What became of customers who were scored, against plain Python."""

from __future__ import annotations

import random
from datetime import date, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from contracts.shop.churn_outcomes import CHURN_OUTCOMES
from tests.jobs.churn.churn_world import AS_OF, Disk, midnight
from tests.jobs.shop.gold_world import Row, World, line, version

pytestmark = pytest.mark.spark

DAY = timedelta(days=1)
# Scorings with their horizon: over since long, since a week, just over at 00:00 of AS_OF, and not over.
SCORINGS = {
    AS_OF - 90 * DAY: 60,
    AS_OF - 67 * DAY: 60,
    AS_OF - 30 * DAY: 30,
    AS_OF - 29 * DAY: 30,
    AS_OF - 7 * DAY: 60,
}
OVER = list(SCORINGS)[:3]


def prediction(key: int, day: date) -> Row:
    told = {"customer_key": key, "customer_id": f"C{key}", "as_of": day, "horizon_days": SCORINGS[day]}
    return {**told, "probability": 0.5, "decile": 1, "reasons": "[]", "model_version": "v1", "run_id": "r"}


@pytest.fixture(scope="module")
def made() -> World:
    """Orders around both ends of each horizon, cancelled ones and ones without a time among them."""
    draw = random.Random(11)
    facts, customers = [], []
    for key in range(1, 120):
        customers.append(version(key, midnight(AS_OF) - 500 * DAY))
        facts.append(line(f"O{key}", key, midnight(AS_OF) - 300 * DAY, "1.00"))
        facts.append(line(f"P{key}", key, midnight(AS_OF) - 100 * DAY, "1.00"))
        for number in range(draw.choice((0, 1, 3))):
            day, horizon = draw.choice([*SCORINGS.items()])
            edge = midnight(day) + draw.choice((0, horizon // 2, horizon)) * DAY
            at = edge + draw.choice((timedelta(), timedelta(microseconds=-1), timedelta(hours=5)))
            status = draw.choice(("delivered", "returned", "cancelled", None))
            order = f"Q{key}-{number}"
            facts.append(line(order, key, None if draw.random() < 0.1 else at, "2.00", status=status))
    return World(facts, customers)


def expected(made: World, day: date, keys: range) -> list[Row]:
    start, end = midnight(day), midnight(day) + SCORINGS[day] * DAY
    returned = {
        row["customer_key"]
        for row in made.facts
        if row["order_ts"] and row["status"] != "cancelled" and start <= row["order_ts"] < end
    }
    return [
        {"customer_key": key, "as_of": day, "horizon_days": SCORINGS[day], "churned": key not in returned}
        for key in keys
    ]


def written(folder: Path) -> dict[str, list[Row]]:
    found = {path.name: list(path.glob("*.parquet")) for path in folder.glob("day=*")}
    assert all(len(files) == 1 for files in found.values())
    return {day: pq.ParquetFile(file).read().to_pylist() for day, (file,) in found.items()}


def test_what_became_of_each_customer_that_was_scored(
    spark: SparkSession, tmp_path: Path, made: World
) -> None:
    keys = {day: range(1, 120 - number) for number, day in enumerate(SCORINGS)}
    files = [[prediction(key, day) for key in reversed(keys[day])] for day in SCORINGS]
    found = Disk(spark, tmp_path).run(made.facts, made.customers, predictions=files)

    rows = {day: expected(made, day, keys[day]) for day in OVER}
    assert all(len({row["churned"] for row in of_day}) == 2 for of_day in rows.values())
    assert written(found.outcomes) == {f"day={day}": of_day for day, of_day in rows.items()}
    assert found.figures["outcomes"] == [
        {
            "as_of": str(day),
            "horizon_days": SCORINGS[day],
            "rows": len(of_day),
            "churned": sum(row["churned"] for row in of_day),
        }
        for day, of_day in rows.items()
    ]
    (file,) = (found.outcomes / f"day={OVER[0]}").glob("*.parquet")
    assert tuple(pq.read_schema(file).names) == CHURN_OUTCOMES.names


@pytest.mark.parametrize("scored", [(), (AS_OF - 7 * DAY,)])
def test_without_a_scoring_that_is_over_there_is_nothing_to_tell(
    spark: SparkSession, tmp_path: Path, made: World, scored: tuple[date, ...]
) -> None:
    files = [[prediction(1, day)] for day in scored]
    found = Disk(spark, tmp_path).run(made.facts, made.customers, predictions=files)
    assert found.figures["outcomes"] == []
    assert not found.outcomes.exists()
    assert found.rows("future")
