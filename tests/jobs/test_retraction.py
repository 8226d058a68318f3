"""Lines that a version takes back, and rows of a market week that a newer delivery of the week lacks."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.glue.demand.demand_manifest import FeatureWork
from jobs.glue.demand.demand_weeks import table

pytestmark = pytest.mark.spark

JAN_5, JAN_6, JAN_12 = date(2025, 1, 5), date(2025, 1, 6), date(2025, 1, 12)


def brand(name: str, units: Any = 10, **values: Any) -> dict[str, Any]:
    return {
        "region_code": "IN-MH",
        "category": "Tea",
        "brand": name,
        "units": str(units),
        "value": 9,
        **values,
    }


def state(*outcomes: Any) -> dict[str, tuple[int, bool]]:
    rows = [
        row for outcome in outcomes for folder in ("published", "survivors") for row in outcome.rows(folder)
    ]
    return {row["brand"]: (row["units"], bool(row["is_deleted"])) for row in rows}


def live(outcome: Any, before: list[str]) -> list[str]:
    kept = [path for path in before if path not in outcome.figures["touched_files"]]
    return [*outcome.files("published"), *outcome.files("survivors"), *kept]


def test_a_newer_delivery_of_a_week_takes_back_what_it_lacks_and_brings_back_what_it_has(lake: Any) -> None:
    first = [lake.deliver(JAN_5, [brand("Stays"), brand("Gone", 7), brand("Broken"), brand("Changes")])]
    other = [lake.deliver(JAN_12, [brand("Other week")])]
    (base,) = lake.curate(lake.work("market", [*first, *other]))
    files = base.files("published")
    second = [
        lake.deliver(JAN_5, [brand("Stays"), brand("Broken", "many"), brand("Changes", 11), brand("New")])
    ]

    (redelivered,) = lake.curate(lake.work("market", second, files), run_id="run-2")

    published = {
        r["brand"]: (r["units"], bool(r["is_deleted"]), r["run_id"]) for r in redelivered.rows("published")
    }
    assert published == {
        "Gone": (7, True, "run-2"),
        "Changes": (11, False, "run-2"),
        "New": (10, False, "run-2"),
    }
    figures = redelivered.figures
    assert (figures["rows_retracted"], figures["rows_raw"], figures["rows_published"]) == (1, 4, 3)
    now = live(redelivered, files)
    assert state(redelivered)["Stays"] == (10, False)
    assert state(redelivered)["Broken"] == (10, False)  # it is there, only broken
    (gone,) = [r for r in redelivered.rows("published") if r["brand"] == "Gone"]
    (before,) = [r for r in base.rows("published") if r["brand"] == "Gone"]
    assert gone["content_hash"] != before["content_hash"]
    assert {k: v for k, v in gone.items() if k not in ("content_hash", "run_id", "is_deleted")} == {
        k: v for k, v in before.items() if k not in ("content_hash", "run_id", "is_deleted")
    }

    (again,) = lake.curate(lake.work("market", second, now), run_id="run-3")
    assert (again.figures["rows_written"], again.figures["touched_files"]) == (0, [])

    (back,) = lake.curate(lake.work("market", first, now), run_id="run-4")
    assert {r["brand"]: bool(r["is_deleted"]) for r in back.rows("published")} == {
        "Gone": False,
        "Changes": False,
        "New": True,
    }


def test_a_row_that_a_person_mended_stays_when_the_week_is_run_again(lake: Any) -> None:
    raw = lake.deliver(JAN_5, [brand("Sound"), brand("Mended", "10 pcs", region_code="??")])
    (day,) = lake.curate(lake.work("market", [raw]))
    (path,) = day.files("quarantined")
    rows = pq.ParquetFile(path.removeprefix("file://")).read()
    fixed = [{**row, "units": "10", "region_code": "IN-MH"} for row in rows.to_pylist()]
    entry = {**lake.deliver(JAN_5, pa.Table.from_pylist(fixed, schema=rows.schema)), "replay": True}
    (replayed,) = lake.curate(lake.work("market", [entry], day.files("published")), run_id="run-2")
    assert replayed.figures["rows_retracted"] == 0  # some rows of a week are not the week
    files = live(replayed, day.files("published"))

    (again,) = lake.curate(lake.work("market", [raw], files), run_id="run-3")

    assert (again.figures["rows_written"], again.figures["touched_files"]) == (0, [])


def test_a_line_that_is_taken_back_is_a_version_like_any_other(lake: Any, line: Any) -> None:
    early, late = "2025-01-05 09:00:00", "2025-01-05 18:00:00"
    (base,) = lake.curate(lake.work("sales", [lake.deliver(JAN_5, [line("SO-1", changed_at=early)])]))
    taken = lake.deliver(JAN_6, [line("SO-1", changed_at=late, is_deleted="true")])

    (sales,) = lake.curate(lake.work("sales", [taken], base.files("published")))
    assert sales.published("order_id", "is_deleted", "source_date") == {("SO-1", True, JAN_6)}

    again = lake.deliver(JAN_5, [line("SO-1", changed_at=early)])
    (stale,) = lake.curate(lake.work("sales", [again], sales.files("published")))
    assert (stale.figures["rows_superseded"], stale.figures["rows_written"]) == (1, 0)


def test_a_line_without_the_later_column_keeps_its_hash(lake: Any, line: Any) -> None:
    """What was published under contract 1.0 is not written anew because the contract gained a column."""
    (sales,) = lake.curate(lake.work("sales", [lake.deliver(JAN_5, [line("SO-1", is_deleted=None)])]))
    (before,) = lake.spark.sql(HASH_OF_1_0).first()
    hashes = {row["order_id"]: row["content_hash"] for row in sales.rows("published")}
    assert hashes["SO-1"] == before


# The columns in the contract's order, nulls left out, then which of the six optional ones are null.
HASH_OF_1_0 = """SELECT xxhash64('SO-1', 'SKU-1', 'C-1', 'IN-MH', 2L, CAST(100 AS decimal(18,4)), DATE'2025-01-05',
    'modern_trade', 1 + 2 + 4 + 8 + 16 + 32)"""


def test_the_forecast_does_not_see_what_was_taken_back_and_reads_files_of_before(
    lake: Any, line: Any
) -> None:
    lines = [line("SO-1", quantity=2, is_deleted=None), line("SO-2", quantity=3, is_deleted=True)]
    (sales,) = lake.curate(lake.work("sales", [lake.deliver(JAN_5, lines)]))
    before = pq.read_table(sales.files("published")[0].removeprefix("file://")).drop_columns("is_deleted")
    old = lake.deliver(JAN_5, before)["path"]
    files = {"sales": (*sales.files("published"), old)}
    work = FeatureWork("run-1", JAN_12, 1, "file:///nowhere", files)
    seen = sorted(row["quantity"] for row in table(lake.spark, work, "sales").collect())
    assert seen == sorted([2, *before["quantity"].to_pylist()])
