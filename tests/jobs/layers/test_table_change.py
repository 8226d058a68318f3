"""A table is brought up to date: the rows that differ are written, and no file that has none of them."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from contracts.language.columns import optional, required
from contracts.language.dataset import Dataset
from jobs.glue import session
from jobs.glue.errors import DataError
from jobs.glue.layers import table_change
from jobs.glue.layers.frames import schema
from jobs.glue.layers.manifest import TableWork
from jobs.glue.layers.table_change import Change, TableChange
from jobs.glue.storage import Storage

Row = tuple[str, int, str | None, dict[str, str | None] | None]
SHELF = Dataset(
    domain="shop",
    name="shelf",
    description="Goods on shelves.",
    key=("shelf", "place"),
    columns=(
        required("shelf", "text", "The shelf."),
        required("place", "integer", "The place on it."),
        optional("goods", "text", "What is there."),
        optional("tag", "struct(code text, colour text)", "The tag."),
    ),
)

pytestmark = pytest.mark.spark


class Shelf:
    """A table on disk, as its live files and as the rows that it should have."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        session.configure(spark)
        self.spark, self.folder, self.runs = spark, folder, 0
        self.files: set[str] = set()
        self.expected: dict[tuple[str, int], Row] = {}

    def set(self, rows: Iterable[Row], shelves: Iterable[str] | None, small: Iterable[str] = ()) -> Change:
        """All rows of these shelves are now `rows`; of all shelves if None."""
        self.runs += 1
        rows = list(rows)
        work = TableWork(
            tuple(sorted(self.files)), f"file://{self.folder}/run-{self.runs}", shelves is None, tuple(small)
        )
        computed = self.spark.createDataFrame(rows, schema(SHELF))
        wanted = None if shelves is None else list(shelves)
        keys = None if wanted is None else self.spark.createDataFrame([(s,) for s in wanted], "shelf string")
        change = TableChange(self.spark, Storage(self.spark), SHELF, work).apply(
            computed, keys, ["shelf"], ["shelf", "place"]
        )
        self.files = (self.files - set(change.figures["removed"])) | set(change.figures["added"])
        kept = {k: r for k, r in self.expected.items() if wanted is not None and k[0] not in wanted}
        self.expected = kept | {(row[0], row[1]): row for row in rows}
        return change

    def rows(self) -> dict[tuple[str, int], Row]:
        found = [
            row
            for file in self.files
            for row in pq.ParquetFile(file.removeprefix("file://")).read().to_pylist()
        ]
        assert len(found) == len({(row["shelf"], row["place"]) for row in found})
        return {(row["shelf"], row["place"]): tuple(row.values()) for row in found}  # type: ignore[misc]


@pytest.fixture
def shelf(spark: SparkSession, tmp_path: Path) -> Shelf:
    return Shelf(spark, tmp_path)


def row(shelf: str, place: int, goods: str | None = "soap", colour: str | None = "red") -> Row:
    return (shelf, place, goods, {"code": f"{shelf}{place}", "colour": colour})


def figures(change: Change) -> tuple[int, int, int]:
    return tuple(change.figures[f"rows_{what}"] for what in ("added", "removed", "survived"))  # type: ignore[return-value]


def test_only_what_differs_is_written(shelf: Shelf) -> None:
    first = shelf.set([row("a", 1), row("a", 2), row("b", 1)], None)
    assert figures(first) == (3, 0, 0)
    (file,) = shelf.files

    same = shelf.set([row("a", 1), row("a", 2)], ["a"])
    assert (figures(same), shelf.files) == ((0, 0, 0), {file})

    other = shelf.set([row("a", 1), row("a", 2, colour=None)], ["a"])
    assert figures(other) == (1, 1, 2)
    assert other.keys("shelf", "place").collect() == [("a", 2)]
    assert (shelf.rows(), file in shelf.files) == (shelf.expected, False)

    new = shelf.set([row("c", 1, None)], ["c"])
    assert (figures(new), new.figures["removed"]) == ((1, 0, 0), [])
    gone = shelf.set([], ["a", "nowhere"])
    assert (figures(gone)[:2], shelf.rows()) == ((0, 2), shelf.expected)


def test_files_that_have_no_such_row_stay(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_change, "ROWS_PER_FILE", 10)
    shelf.set([row(name, place) for name in "abcd" for place in range(10)], None)
    before = set(shelf.files)
    change = shelf.set([row("b", place, "milk" if place == 3 else "soap") for place in range(10)], ["b"])
    assert len(before) >= 4
    assert len(change.figures["removed"]) == 1
    assert len(before & shelf.files) == len(before) - 1
    assert shelf.rows() == shelf.expected


def test_an_empty_table_has_a_file_with_its_columns(shelf: Shelf) -> None:
    shelf.set([], None)
    (file,) = shelf.files
    assert pq.read_schema(file.removeprefix("file://")).names == list(SHELF.names)


def test_small_files_are_merged(shelf: Shelf) -> None:
    shelf.set([row("a", 1)], None)
    for place in range(2, 6):
        shelf.set([row("a", 1), *(row("a", other) for other in range(2, place + 1))], ["a"])
    assert len(shelf.files) == 5
    shelf.set([row("b", 1)], ["b"], small=shelf.files)
    assert (len(shelf.files), shelf.rows()) == (2, shelf.expected)


def test_rows_with_the_same_key_are_refused(shelf: Shelf) -> None:
    with pytest.raises(DataError, match="shelf: rows with the same key shelf, place"):
        shelf.set([row("a", 1), row("a", 1, "milk")], None)


def test_any_changes_leave_the_rows_that_were_asked_for(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_change, "ROWS_PER_FILE", 7)
    chance = random.Random(5)
    for _ in range(6):
        names = chance.sample("abcdefgh", 3)
        places: dict[str, Any] = {name: chance.sample(range(9), chance.randrange(9)) for name in names}
        rows = [
            row(name, place, chance.choice(["soap", "milk", None]), chance.choice(["red", None]))
            for name, found in places.items()
            for place in found
        ]
        shelf.set(rows, names)
        assert shelf.rows() == shelf.expected
