"""A master or calendar that was cut off on its way is refused; a refused one is never what the next is compared with."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from tasks.errors import BusinessError
from tasks.intake import truncation
from tasks.intake.landing import InputFile, Slice
from tasks.intake.rules import delivery
from tasks.lake import lake_tables
from tasks.publishing import publication
from tasks.publishing.curated import Counts, Curated
from tasks.services import objects
from tests.tasks.lake.test_lake_commits import put

JAN_6, JAN_7, JAN_8, JAN_9 = (date(2025, 1, day) for day in (6, 7, 8, 9))
FOLDER = f"s3://highwater-lake/{delivery('sku').prefix}"
COLUMNS = {"sku_code": "string", "brand": "string", "mrp": "double", "note": "string"}


def sku(day: date, rows: int, *, without: str = "", void: str = "") -> Slice:
    columns = {name: "void" if name == void else kind for name, kind in COLUMNS.items() if name != without}
    return Slice("sku", (InputFile(f"{FOLDER.format(date=day)}a.parquet", day, rows, columns, "e"),))


def publish(slice_: Slice) -> None:
    """With its files in the lake: what has changed since it was listed is not published."""
    for file in slice_.inputs:
        objects.write(file.path, b"rows")
    landed = (replace(file, etag=objects.head(file.path).etag) for file in slice_.inputs)
    slice_ = replace(slice_, inputs=tuple(landed))
    days = slice_.raw_dates
    folder = f"curated/{slice_.dataset}/data/w{days[-1]}"
    put(f"{folder}/published/a.parquet", sku_code=["a"])
    counts = Counts(slice_.rows, slice_.rows, 0, 0, 0)
    publication.publish(
        Curated(
            slice_, f"w{days[-1]}", _base(slice_.dataset), f"s3://highwater-lake/{folder}", counts,
            dict.fromkeys(days, counts), {}, {}, (), "jr", "s3://highwater-lake/figures.json",
        ),
        "run-1",
    )  # fmt: skip


def _base(dataset: str) -> int | None:
    return lake_tables.snapshot_id(lake_tables.load("curated", dataset))


def complaint(*slices: Slice) -> str:
    with pytest.raises(BusinessError) as refused:
        truncation.require_whole(slices)
    return str(refused.value)


def test_less_than_half_the_rows_of_the_one_before_is_refused_with_both_figures(empty_lake: None) -> None:
    truncation.require_whole([sku(JAN_6, 1)])  # nothing to compare the first one with
    publish(sku(JAN_6, 100))
    truncation.require_whole([sku(JAN_7, 50)])
    assert "- sku 2025-01-07 has 49 rows, the snapshot of 2025-01-06 had 100\n" in complaint(sku(JAN_7, 49))
    # The refused one is not what the next is compared with.
    assert "sku 2025-01-08 has 45 rows, the snapshot of 2025-01-06 had 100" in complaint(sku(JAN_8, 45))


def test_a_column_that_the_one_before_had_is_missed_an_unknown_one_and_one_that_never_came_are_not(
    empty_lake: None,
) -> None:
    publish(sku(JAN_6, 10, without="mrp"))
    truncation.require_whole([sku(JAN_7, 10, without="mrp"), sku(JAN_7, 10, without="note")])
    assert "- sku 2025-01-07 lacks brand, which the snapshot of 2025-01-06 had\n" in complaint(
        sku(JAN_7, 10, without="brand")
    )
    assert "lacks brand" in complaint(sku(JAN_7, 10, void="brand"))


def test_an_accepted_one_is_what_it_and_later_ones_are_compared_with_and_older_ones_are_not(
    empty_lake: None,
) -> None:
    publish(sku(JAN_7, 100))
    publish(sku(JAN_8, 10, without="brand"))
    truncation.require_whole([sku(JAN_8, 10, without="brand")])  # run again
    truncation.require_whole([sku(JAN_9, 5)])
    truncation.require_whole([sku(JAN_6, 1, without="mrp")])  # an older day, run later
    assert "sku 2025-01-08 has 4 rows, the snapshot of 2025-01-08 had 10" in complaint(sku(JAN_8, 4))


def test_a_backfill_compares_its_own_snapshots_with_each_other(empty_lake: None) -> None:
    whole, cut = sku(JAN_6, 100), sku(JAN_7, 20)
    both = replace(whole, inputs=(*cut.inputs, *whole.inputs))
    assert "sku 2025-01-07 has 20 rows, the snapshot of 2025-01-06 had 100" in complaint(both)
    publish(replace(whole, inputs=(*whole.inputs, *sku(JAN_7, 80).inputs)))
    assert "sku 2025-01-08 has 39 rows, the snapshot of 2025-01-07 had 80" in complaint(sku(JAN_8, 39))


def test_several_files_are_one_snapshot_and_other_deliveries_are_not_judged(empty_lake: None) -> None:
    publish(sku(JAN_6, 100))
    parts = (
        *sku(JAN_7, 30, without="mrp").inputs,
        replace(sku(JAN_7, 30, without="brand").inputs[0], path="s3://b"),
    )
    truncation.require_whole([Slice("sku", parts)])
    truncation.require_whole([Slice("sales", sku(JAN_7, 1).inputs)])
    truncation.require_whole([Slice("sku", (replace(sku(JAN_7, 1).inputs[0], replay=True),))])


def week(sunday: date, rows: int) -> Slice:
    address = f"s3://highwater-lake/{delivery('market').address(sunday)}a.parquet"
    return Slice("market", (InputFile(address, sunday, rows, {"brand": "string"}, "e"),))


def test_a_week_is_compared_with_its_own_earlier_delivery_and_with_no_other_week(empty_lake: None) -> None:
    """What a later delivery of a week lacks is taken back: a cut off one would take back the rest of the week."""
    first, second = date(2025, 1, 5), date(2025, 1, 12)
    publish(week(first, 1000))
    truncation.require_whole([week(second, 10)])
    truncation.require_whole([week(first, 500)])
    assert "- market 2025-01-05 has 10 rows, the snapshot of 2025-01-05 had 1000\n" in complaint(
        week(first, 10)
    )
