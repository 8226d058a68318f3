"""The churn model's rows: who is due, who stayed away, and what was known of him on the day."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from contracts.shop.ml_features import ML_FEATURES
from jobs.glue.churn import store_records
from jobs.glue.errors import DataError
from jobs.glue.shop.ml_features import ml_features
from tests.jobs.churn.churn_world import (
    AS_OF,
    HORIZON,
    WORK,
    Disk,
    Outcome,
    features,
    midnight,
    origin,
    record,
)
from tests.jobs.shop.gold_world import Row, World, line, version

pytestmark = pytest.mark.spark

LATEST, MIDDLE, EARLIEST = WORK.origins
HOURS = timedelta(hours=1)
LONG_AGO = midnight(AS_OF) - timedelta(days=500)
SOURCES = {"store", "gold", "reconstructed"}


def orders(key: int, *moments: datetime, **values: Any) -> list[Row]:
    return [line(f"O{key}-{n}-{at}", key, at, "10.00", **values) for n, at in enumerate(moments)]


def world(seed: int, customers: int = 150) -> World:
    """Customers with orders around the bounds of each day, and some who were deleted meanwhile."""
    draw = random.Random(seed)
    made = World([], [])
    for key in range(1, customers + 1):
        gone = (
            midnight(draw.choice(WORK.origins)) + timedelta(days=draw.choice((-1, 0, 30)))
            if key % 9 == 0
            else None
        )
        made.customers.append(version(key, LONG_AGO, **({"expired": gone} if gone else {})))
        for number in range(draw.choice((1, 2, 3, 6))):
            day = draw.choice((*WORK.origins, AS_OF))
            away = draw.choice((-HORIZON, -HORIZON - 1, -59, -1, 0, 1, 30, 179, 180, 181, 300))
            at = (
                midnight(day)
                - timedelta(days=away)
                + draw.choice((timedelta(), HOURS, -timedelta(microseconds=1)))
            )
            status = draw.choice(("delivered", "returned", "cancelled", None))
            made.facts += [
                line(f"O{key}-{number}", key, None if draw.random() < 0.02 else at, "12.34", n, status=status)
                for n in range(draw.choice((1, 2)))
            ]
    made.facts += orders(9999, midnight(AS_OF) - timedelta(days=9))  # of nobody known
    return made


def ordered(made: World, key: int, start: datetime, end: datetime) -> bool:
    return any(
        row["customer_key"] == key
        and row["order_ts"]
        and row["status"] != "cancelled"
        and start <= row["order_ts"] < end
        for row in made.facts
    )


def expected_due(made: World, day: date) -> dict[int, bool | None]:
    """Each due customer, and whether he stayed away."""
    keys = {row["customer_key"] for row in made.facts}
    at = midnight(day)
    due = {key for key in keys if ordered(made, key, at - timedelta(days=180), at)}
    after = {key: not ordered(made, key, at, at + timedelta(days=HORIZON)) for key in due}
    return {key: None if day == AS_OF else stayed for key, stayed in after.items()}


@pytest.fixture(scope="module")
def made() -> World:
    return world(7)


@pytest.fixture(scope="module")
def disk(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Disk:
    return Disk(spark, tmp_path_factory.mktemp("churn"))


STORED = [
    record(key, day, midnight(day) + 3 * HOURS, orders=1000 + key, amount=Decimal("7.50"))
    for key in range(1, 60)
    for day in (LATEST, EARLIEST)
]
GOLD = [features(key, AS_OF, orders=2000 + key) for key in range(1, 100)]


@pytest.fixture(scope="module")
def outcome(disk: Disk, made: World) -> Outcome:
    return disk.run(made.facts, made.customers, GOLD, [STORED[:50], STORED[50:]])


def test_every_due_customer_is_used_or_refused(outcome: Outcome, made: World) -> None:
    deleted = {
        row["customer_key"]: row["expired_at"] for row in made.customers if row["expired_at"].year < 9999
    }
    for day in (*WORK.origins, AS_OF):
        due = expected_due(made, day)
        noted = set(range(1, 100)) if day == AS_OF else set() if day == MIDDLE else set(range(1, 60))
        gone = {key for key, at in deleted.items() if at < midnight(day) and key not in noted} & due.keys()
        used = outcome.of(day)
        assert gone or day != AS_OF
        assert {key: row["churned"] for key, row in used.items()} == {
            key: stayed for key, stayed in due.items() if key not in gone | {9999}
        }
        assert {row["is_future"] for row in used.values()} == {day == AS_OF}
        if day != AS_OF:
            assert len({row["churned"] for row in used.values()}) == 2
            continue
        refused = {
            row["customer_key"]: (row["customer_id"], row["reason"]) for row in outcome.rows("refused")
        }
        expected = {key: (f"C{key}", "deleted") for key in gone}
        assert refused == expected | {9999: (None, "no_customer_id")}
        assert used.keys() | refused.keys() == due.keys()
        assert len(outcome.rows("refused")) + len(outcome.rows("future")) == len(due)


def test_features_are_those_noted_on_the_day_or_made_up_from_silver(
    spark: SparkSession, outcome: Outcome, made: World
) -> None:
    for day in (MIDDLE, EARLIEST, AS_OF):
        rebuilt = {
            row["customer_key"]: row.asDict() for row in ml_features(*made.frames(spark), day).collect()
        }
        for key, row in outcome.of(day).items():
            if day == AS_OF and key < 100:
                expected, source = features(key, day, orders=2000 + key), "gold"
            elif day in (LATEST, EARLIEST) and key < 60:
                expected, source = features(key, day, orders=1000 + key, amount=7.5), "store"
            else:
                expected, source = rebuilt[key], "reconstructed"
            assert row["origin_of_features"] == source
            assert {name: row[name] for name in ML_FEATURES.names} == {
                name: float(value) if isinstance(value, Decimal) else value
                for name, value in expected.items()
            }


def test_what_the_figures_say(outcome: Outcome, made: World) -> None:
    figures = outcome.figures
    for told in (*figures["origins"], figures["future"]):
        day = date.fromisoformat(told["as_of"])
        rows = outcome.of(day).values()
        assert told["due"] == len(expected_due(made, day))
        assert told["rows"] == sum(told["by_features"].values()) == len(rows)
        assert told["due"] == told["rows"] + sum(told["refused"].values())
        assert told.get("churned", 0) == sum(row["churned"] or 0 for row in rows)
    assert [told["as_of"] for told in figures["origins"]] == [str(day) for day in WORK.origins]
    assert {source for told in figures["origins"] for source in told["by_features"]} == {
        "store",
        "reconstructed",
    }
    assert figures["future"]["by_features"].keys() == {"gold", "reconstructed"}
    assert figures["rows_history"] == len(outcome.rows("history"))
    assert (figures["rows_future"], figures["rows_refused"]) == (
        len(outcome.rows("future")),
        len(outcome.rows("refused")),
    )
    assert figures["last_order"] == str(AS_OF - timedelta(days=1))


def test_the_same_input_gives_the_same_rows(disk: Disk, outcome: Outcome, made: World) -> None:
    again = disk.run(made.facts[::-1], made.customers[::-1], GOLD[::-1], [STORED[::-1]])
    for folder in ("history", "future", "refused"):
        assert again.rows(folder) == outcome.rows(folder)
    assert again.figures == outcome.figures


def test_what_happens_from_an_origin_on_changes_none_of_its_features(
    disk: Disk, outcome: Outcome, made: World
) -> None:
    draw, at = random.Random(3), midnight(MIDDLE)
    facts = [row for row in made.facts if row["order_ts"] and row["order_ts"] < at]
    for key in range(1, 151):
        facts += orders(
            key, at + timedelta(hours=draw.choice((0, 1, 24 * 20, 24 * 75))), category="New", currency="USD"
        )
    customers = [row for row in made.customers if row["expired_at"] < at]
    for row in made.customers:
        if row["expired_at"] >= at:
            moved = at + draw.choice((timedelta(), 50 * HOURS))
            customers += [
                row | {"expired_at": moved},
                version(row["customer_key"], moved, state="NEW", country="FR"),
            ]
    later = [record(key, MIDDLE + timedelta(days=1), at + 25 * HOURS, orders=1) for key in range(1, 150)]
    shifted = disk.run(facts, customers, (), [STORED, later])
    for day in (MIDDLE, EARLIEST):
        now, then = shifted.of(day), outcome.of(day)
        assert now.keys() == then.keys()
        for key, row in now.items():
            assert {**row, "churned": None} == {**then[key], "churned": None}
    assert shifted.of(LATEST) != outcome.of(LATEST)


def test_a_backfill_of_the_past_changes_nothing_that_was_known(
    disk: Disk, outcome: Outcome, made: World
) -> None:
    """Written too late for its origin, whatever day it is about; or again, after what was known first."""
    late = [
        record(key, day, midnight(day) + wait, orders=77, gone=gone)
        for key in range(1, 150)
        for day in WORK.origins
        for wait, gone in ((48 * HOURS + timedelta(microseconds=1), False), (200 * 24 * HOURS, True))
    ]
    again = [record(key, LATEST, midnight(LATEST) + 47 * HOURS, orders=78, gone=True) for key in range(1, 60)]
    filled = disk.run(made.facts, made.customers, GOLD, [late, STORED, again])
    for day in (*WORK.origins, AS_OF):
        assert filled.of(day) == outcome.of(day)
    in_time = [record(key, LATEST, midnight(LATEST) + 48 * HOURS, orders=79) for key in range(1, 150)]
    known = disk.run(made.facts, made.customers, GOLD, [STORED, in_time]).of(LATEST)
    assert {row["orders"] for key, row in known.items() if key >= 60} == {79}
    assert {key: row for key, row in known.items() if key < 60} == {
        key: row for key, row in outcome.of(LATEST).items() if key < 60
    }


def test_records_that_are_not_of_the_day(disk: Disk) -> None:
    """Each customer is one case: his records at the latest origin, and the orders of the row, None if he is refused."""
    at, day = midnight(LATEST), timedelta(days=1)

    def stored(key: int, wait: timedelta, number: int, event: datetime = at, gone: bool = False) -> Row:
        return record(key, LATEST, at + wait, event_time=f"{event.isoformat()}Z", orders=number, gone=gone)

    made_up = 1
    cases: dict[int, tuple[list[Row], int | None]] = {
        1: ([stored(1, HOURS, 50)], 50),
        2: ([stored(2, HOURS, 50, at + timedelta(seconds=1))], made_up),
        3: ([stored(3, HOURS, 50, at - day)], made_up),
        4: ([stored(4, HOURS, 50, at - day + timedelta(seconds=1))], 50),
        5: ([stored(5, HOURS, 50, at - 3 * HOURS), stored(5, HOURS, 51, at - 2 * HOURS)], 51),
        6: ([stored(6, HOURS, 50), stored(6, 2 * HOURS, 51), stored(6, 3 * HOURS, 52)], 50),
        7: (
            [stored(7, HOURS, 50, at - 3 * HOURS), stored(7, 2 * HOURS, 51, at - 2 * HOURS, gone=True)],
            None,
        ),
        8: ([stored(8, HOURS, 50, at - 3 * HOURS, gone=True), stored(8, 2 * HOURS, 51)], 51),
        9: ([stored(9, HOURS, 52), stored(9, HOURS, 51), stored(9, HOURS, 51)], 51),
        10: ([stored(10, HOURS, 50, gone=True), stored(10, HOURS, 51)], 51),
        11: ([], made_up),
    }
    facts = [row for key in cases for row in orders(key, at - 30 * day)] + orders(99, LONG_AGO)
    customers = [version(key, LONG_AGO) for key in (*cases, 99)]
    future = [row for key in cases for row in orders(key, midnight(AS_OF) - day)]
    found = disk.run(facts + future, customers, (), [[row for rows, _ in cases.values() for row in rows]])
    assert {key: row["orders"] for key, row in found.of(LATEST).items()} == {
        key: number for key, (_, number) in cases.items() if number is not None
    }
    assert found.figures["origins"][0]["refused"] == {"deleted": 1}


def test_nothing_is_made_up_if_that_is_not_wanted(disk: Disk, made: World) -> None:
    found = disk.run(made.facts, made.customers, GOLD, [STORED], reconstruct=False)
    assert found.of(MIDDLE) == {}
    assert {row["origin_of_features"] for row in found.rows("history") + found.rows("future")} == {
        "store",
        "gold",
    }
    reasons = {row["customer_key"]: row["reason"] for row in found.rows("refused")}
    due = expected_due(made, AS_OF)
    assert reasons == {key: "no_features" for key in due if 100 <= key < 9999} | {9999: "no_customer_id"}
    assert len(found.rows("future")) + len(reasons) == len(due)
    with pytest.raises(DataError, match=r"no row to learn from as of 2026-03-01 is left: .*no_features"):
        disk.run(made.facts, made.customers, GOLD, (), reconstruct=False)
    with pytest.raises(DataError, match="no row to score as of 2026-03-01"):
        disk.run(made.facts, made.customers, (), [STORED], reconstruct=False)


def test_what_is_too_little_to_learn_from(disk: Disk) -> None:
    at = midnight(AS_OF)
    customers = [version(key, LONG_AGO) for key in (1, 2, 3)]

    def facts(first_days: int, due: int = 3) -> list[Row]:
        recent = [row for key in range(1, due + 1) for row in orders(key, at - timedelta(days=20))]
        return orders(1, at - timedelta(days=first_days)) + recent

    with pytest.raises(
        DataError, match="2 customers ordered in the 180 days before 2026-03-01; a model needs 3"
    ):
        disk.run(facts(400, due=2), customers, minimum_due=3)
    with pytest.raises(DataError, match="179 days before 2026-03-01; a horizon of 60 days needs 180"):
        disk.run(facts(179), customers)
    with pytest.raises(DataError, match="none of the 3 origins before 2026-03-01 has 120 days of history"):
        disk.run(facts(180), customers, history_days=120)
    with pytest.raises(DataError, match="no order before 2026-03-01 that counts"):
        disk.run(orders(1, at - timedelta(days=20), status="cancelled") + orders(1, at), customers)
    least = disk.run(facts(180), customers, minimum_due=3, history_days=62)
    assert least.figures["origins_too_early"] == [str(origin(2))]
    assert [day["as_of"] for day in least.figures["origins"]] == [str(origin(0)), str(origin(1))]


def test_a_store_of_another_version_is_named(disk: Disk, tmp_path: Path) -> None:
    path = tmp_path / "old.parquet"
    table = pa.Table.from_pylist(
        [{"customer_id": "C1", "event_time": "2026-01-01T00:00:00Z", "write_time": 1}]
    )
    pq.write_table(table, path)
    with pytest.raises(
        DataError,
        match=r"old\.parquet among them, lack the columns api_invocation_time, is_deleted, customer_key",
    ):
        store_records.records(disk.spark, [f"file://{path}"])
