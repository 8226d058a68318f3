"""What the store knew on a day: random histories of records, against the rule told in plain Python."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobs.glue import session
from jobs.glue.churn import store_records
from jobs.glue.churn.due_customers import days_frame
from tests.jobs.churn.churn_world import WORK, Disk, Row, midnight, record

pytestmark = pytest.mark.spark

CUSTOMERS = 1500
DAY, MOMENT = timedelta(days=1), timedelta(seconds=1)


def history(draw: random.Random, key: int) -> list[Row]:
    """A customer's records, about moments around one of the days, written some time after, some of them twice."""
    at = midnight(draw.choice(WORK.origins))
    rows = []
    for number in range(draw.randint(0, 6)):
        event = at + draw.choice((-2 * DAY, -DAY, -DAY + MOMENT, -MOMENT, timedelta(), MOMENT, DAY))
        wait = draw.choice(
            (timedelta(), MOMENT, 2 * DAY, 2 * DAY + MOMENT, 3 * DAY, 3 * DAY + MOMENT, 90 * DAY)
        )
        rows.append(
            record(key, at.date(), event + wait, event_time=f"{event.isoformat()}Z", orders=number)
            | {
                "is_deleted": draw.random() < 0.2,
                "api_invocation_time": event + wait - draw.choice((MOMENT, 2 * MOMENT)),
            }
        )
    return rows + draw.sample(rows, len(rows) // 3)


def expected(rows: list[Row], day: datetime) -> tuple[bool, int] | None:
    """Whether it deletes, and the orders, of the record that was known on the day."""
    known = [
        row
        for row in rows
        if day - DAY < datetime.fromisoformat(row["event_time"][:-1]) <= day
        and row["write_time"] <= day + 2 * DAY
    ]
    latest = max((row["event_time"] for row in known), default=None)
    of_latest = [row for row in known if row["event_time"] == latest]
    first = min(
        of_latest,
        key=lambda row: (row["write_time"], row["api_invocation_time"], row["is_deleted"], row["orders"]),
        default=None,
    )
    return (first["is_deleted"], first["orders"]) if first else None


@pytest.mark.parametrize("seed", [1, 2])
def test_random_histories(spark: SparkSession, tmp_path: Path, seed: int) -> None:
    session.configure(spark)
    draw = random.Random(seed)
    histories = {f"C{key}": history(draw, key) for key in range(CUSTOMERS)}
    rows = [row for of_customer in histories.values() for row in of_customer]
    draw.shuffle(rows)
    disk = Disk(spark, tmp_path)
    files = [disk.store(rows[number::3]) for number in range(3)]
    records = store_records.records(spark, files)
    assert records.dtypes == store_records.records(spark, []).dtypes
    found = store_records.known(records, days_frame(records, WORK.origins), WORK).collect()
    assert {
        (row["customer_id"], row["as_of"]): (row["is_gone"], row["features"]["orders"]) for row in found
    } == {
        (name, day): told
        for name, of_customer in histories.items()
        for day in WORK.origins
        if (told := expected(of_customer, midnight(day)))
    }
    assert len(found) > CUSTOMERS / 3
