"""The lake's side of a reconciliation: what it last knew of each key, beside plain Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from contracts.dialects.arrow_types import arrow_type
from contracts.shop.order_items import ORDER_ITEMS
from jobs.glue import bronze_digest, session
from jobs.glue.digest.digest_manifest import DigestWork, parse
from jobs.glue.errors import DataError
from jobs.glue.storage import Storage
from tests.tasks.extraction import reconcile_world as world

NAMES = tuple(world.KINDS)
KEY = ORDER_ITEMS.key
SCHEMA = pa.schema(
    [
        *((column.name, arrow_type(column.kind)) for column in ORDER_ITEMS.columns),
        ("extraction_timestamp", pa.timestamp("us", "UTC")),
        ("is_tombstone", pa.bool_()),
    ]
)
DAY = timedelta(days=1)
NOW = datetime(2026, 11, 1, tzinfo=UTC)
Row = dict[str, Any]


def seen(row: Mapping[str, Any], at: datetime, is_tombstone: bool = False) -> Row:
    return {**world.in_utc(row), "extraction_timestamp": at, "is_tombstone": is_tombstone}


def gone(row: Mapping[str, Any], found: datetime, at: datetime) -> Row:
    key = {name: row[name] for name in KEY}
    return seen({**dict.fromkeys(NAMES), **key, "updated_at": found.replace(tzinfo=None)}, at, True)


class Lake:
    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self.spark, self.folder, self.files = spark, folder, 0

    def file(self, rows: Iterable[Row], schema: pa.Schema = SCHEMA) -> str:
        self.files += 1
        path = self.folder / f"{self.files}.parquet"
        pq.write_table(pa.Table.from_pylist(list(rows), schema), path)
        return f"file://{path}"

    def digested(self, bronze: list[str], quarantine: list[str] = [], pending: str | None = None) -> Any:  # noqa: B006
        work = DigestWork(
            run_id="r",
            dataset=ORDER_ITEMS,
            columns=NAMES,
            buckets=16,
            bronze=tuple(bronze),
            quarantine=tuple(quarantine),
            pending=pending,
            rows=400,
            output=f"file://{self.folder}/output",
        )
        figures = bronze_digest.digest(self.spark, Storage(self.spark), work)
        rows = [
            row for file in figures["files"] for row in pq.read_table(file.removeprefix("file:")).to_pylist()
        ]
        sums = {int(bucket): (rows, total) for bucket, (rows, total) in figures["buckets"].items()}
        return sums, rows


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path) -> Lake:
    session.configure(spark)
    return Lake(spark, tmp_path)


def micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def test_the_checksums_are_those_of_plain_python(lake: Lake) -> None:
    """The same rows and the same oracle as on Snowflake's side: so the two sides agree."""
    rows = world.rows(400, seed=7)
    half = [seen(row, NOW) for row in rows[:200]], [seen(row, NOW) for row in rows[200:]]
    without_key = [seen({**rows[0], "order_id": None}, NOW)]
    sums, keys = lake.digested([lake.file(half[0] + half[0]), lake.file(without_key)], [lake.file(half[1])])
    assert sums == world.sums(rows, KEY, NAMES, 16)
    assert len(keys) == 400
    mine = {tuple(row[name] for name in KEY): world.digest(world.text_of(row, NAMES)) for row in rows}
    assert {tuple(row[name] for name in KEY): row["digest"] for row in keys} == mine
    assert [row["bucket"] for row in keys] == sorted(row["bucket"] for row in keys)


def test_of_each_key_the_newest_version_counts(lake: Lake) -> None:
    """Each case is a key of its own: what is in bronze, and which row stands, if any."""
    base = {**world.rows(1, seed=1)[0], "created_at": datetime(2026, 1, 1)}

    def row(case: str, updated_at: datetime | None, product: str) -> Row:
        at = updated_at.replace(tzinfo=None) if updated_at else None
        return {**base, "order_id": case, "line_number": 1, "product_id": product, "updated_at": at}

    old, new = (lambda case: row(case, NOW, "old")), (lambda case: row(case, NOW + DAY, "new"))
    again = {**new("a later tombstone does not count"), "product_id": "other"}
    tied, back = {**old("tie"), "product_id": "x"}, old("back, older")
    soft = {**new("a soft deletion is a row as any"), "is_deleted": True}
    undated = row("an undated row counts by its creation", None, "undated")
    cases: dict[str, tuple[list[Row], Row | None]] = {
        "late": ([seen(new("late"), NOW), seen(old("late"), NOW + 9 * DAY)], new("late")),
        "tie": ([seen(old("tie"), NOW), seen(tied, NOW + DAY)], tied),
        "gone": ([seen(old("gone"), NOW), gone(old("gone"), NOW + DAY, NOW + DAY)], None),
        "gone at its date": ([seen(old("gone at its date"), NOW), gone(old("gone at its date"), NOW, NOW + DAY)], None),
        "back, newer": (
            [gone(old("back, newer"), NOW, NOW), seen(new("back, newer"), NOW + DAY)], new("back, newer"),
        ),
        "back, older": (
            [seen(back, NOW), gone(back, NOW + DAY, NOW + DAY), seen(back, NOW + 2 * DAY)], back,
        ),
        "a later tombstone does not count": (
            [seen(again, NOW + 2 * DAY), gone(again, NOW, NOW + 3 * DAY)], again,
        ),
        soft["order_id"]: ([seen(soft, NOW)], soft),
        undated["order_id"]: (
            [seen(undated, NOW), seen(row(undated["order_id"], datetime(2025, 1, 1), "x"), NOW + DAY)], undated,
        ),
    }  # fmt: skip
    sums, keys = lake.digested([lake.file([each for rows, _ in cases.values() for each in rows])])
    found = {each["order_id"]: each["digest"] for each in keys}
    assert found == {
        case: world.digest(world.text_of(newest, NAMES)) if newest else None
        for case, (_, newest) in cases.items()
    }
    assert sums == world.sums([newest for _, newest in cases.values() if newest], KEY, NAMES, 16)
    dates = {each["order_id"]: (each["dated_at"], each["gone_at"]) for each in keys}
    assert dates["back, older"] == (micros(NOW + 2 * DAY), micros(NOW + DAY))
    assert dates["late"] == (micros(NOW + DAY), None)
    assert dates[undated["order_id"]] == (micros(datetime(2026, 1, 1, tzinfo=UTC)), None)


def test_pending_keys_are_left_out(lake: Lake) -> None:
    rows = world.rows(20, seed=3)
    left_out = pa.schema([SCHEMA.field(name) for name in KEY])
    pending = lake.file([{name: row[name] for name in KEY} for row in rows[:5]], left_out)
    sums, _ = lake.digested([lake.file([seen(row, NOW) for row in rows])], pending=pending)
    assert sums == world.sums(rows[5:], KEY, NAMES, 16)


def test_a_column_that_old_files_lack_is_null_and_one_that_is_not_compared_does_not_count(lake: Lake) -> None:
    rows = world.rows(20, seed=4)
    narrow = pa.schema([field for field in SCHEMA if field.name != "discount"])
    sums, _ = lake.digested([lake.file([seen(row, NOW) for row in rows], narrow)])
    assert sums == world.sums([{**row, "discount": None} for row in rows], KEY, NAMES, 16)


def test_a_manifest_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(DataError, match="manifest here lacks the field 'run_id'"):
        parse("{}", "here")
