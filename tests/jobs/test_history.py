"""A slice against what is published already: corrections, stale rows, redeliveries, replays."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.glue.curation import curation

pytestmark = pytest.mark.spark

JAN_5, JAN_6, JAN_7 = (date(2025, 1, day) for day in (5, 6, 7))
EARLY, LATE = "2025-01-05 09:00:00", "2025-01-05 18:00:00"


@pytest.mark.parametrize("few_rows", [0, 100_000], ids=["contested keys found first", "every key contested"])
def test_a_slice_replaces_what_it_beats_and_keeps_the_rest_of_the_file(
    lake: Any, line: Any, monkeypatch: pytest.MonkeyPatch, few_rows: int
) -> None:
    monkeypatch.setattr(curation, "FEW_ROWS", few_rows)
    first = [
        line("corrected", quantity=1, changed_at=EARLY),
        line("bystander", quantity=1),
        line("stands", quantity=1, changed_at=LATE),
    ]
    (base,) = lake.curate(lake.work("sales", [lake.deliver(JAN_5, first)]))
    (other,) = lake.curate(lake.work("sales", [lake.deliver(JAN_5, [line("elsewhere")])]))
    second = [
        line("corrected", quantity=2, changed_at=LATE),
        line("stands", quantity=2, changed_at=EARLY),
        line("new", quantity=2),
    ]
    history = base.files("published") + other.files("published")

    (sales,) = lake.curate(lake.work("sales", [lake.deliver(JAN_6, second)], history))

    assert sales.published("order_id", "quantity", "source_date") == {
        ("corrected", 2, JAN_6),
        ("new", 2, JAN_6),
    }
    assert sales.figures["touched_files"] == base.files("published")
    assert {(r["order_id"], r["quantity"], r["source_date"]) for r in sales.rows("survivors")} == {
        ("bystander", 1, JAN_5),
        ("stands", 1, JAN_5),
    }
    assert sales.rows("survivors")[0].keys() == sales.rows("published")[0].keys()
    assert (sales.figures["rows_superseded"], sales.figures["rows_survivors"]) == (1, 2)


def test_the_same_prefix_again(lake: Any, line: Any) -> None:
    (base,) = lake.curate(
        lake.work("sales", [lake.deliver(JAN_5, [line("same"), line("differs", quantity=1)])])
    )
    again = [lake.deliver(JAN_5, [line("same"), line("same"), line("differs", quantity=9)])]

    (unchanged, redelivered) = (
        *lake.curate(lake.work("sales", [lake.deliver(JAN_5, [line("same")])], base.files("published"))),
        *lake.curate(lake.work("sales", again, base.files("published"))),
    )

    assert unchanged.figures["rows_published"] == 1
    assert unchanged.figures["rows_written"] == 0
    assert unchanged.figures["touched_files"] == []
    assert unchanged.rows("published") == unchanged.rows("survivors") == []
    assert redelivered.published("order_id", "quantity") == {("differs", 9)}
    assert redelivered.figures["touched_files"] == base.files("published")
    assert [row["order_id"] for row in redelivered.rows("survivors")] == ["same"]
    counts = [redelivered.figures[name] for name in ("rows_raw", "rows_published", "rows_written", "repeats")]
    assert counts == [3, 2, 1, 1]


def test_a_replay_takes_mended_rows_through_and_knows_the_others_again(lake: Any, line: Any) -> None:
    refused = [
        line("mended", quantity="2 pcs", note="kept"),
        line("still broken", quantity="x", note="kept"),
        line("overtaken", quantity="y", note=None),
    ]
    first = lake.deliver(JAN_5, refused)
    (quarantined,) = lake.curate(lake.work("sales", [first]))
    (base,) = lake.curate(lake.work("sales", [lake.deliver(JAN_6, [line("overtaken", quantity=7)])]))
    (path,) = quarantined.files("quarantined")
    rows = pq.ParquetFile(path.removeprefix("file://")).read()
    at = rows.column_names.index("quantity")
    amended = [{"2 pcs": "2", "y": "1"}.get(text, text) for text in rows["quantity"].to_pylist()]
    mended = rows.set_column(at, "quantity", pa.array(amended))
    entry = {**lake.deliver(JAN_7, mended), "replay": True}

    (replayed,) = lake.curate(lake.work("sales", [entry], base.files("published")), run_id="run-2")

    (row,) = replayed.rows("published")
    assert (row["order_id"], row["quantity"], row["source_date"], row["source_file"], row["run_id"]) == (
        "mended", 2, JAN_5, first["path"], "run-2",
    )  # fmt: skip
    assert '"note' in row["kept_aside"]
    counts = [replayed.figures[name] for name in ("rows_published", "rows_superseded", "rows_quarantined")]
    assert counts == [1, 1, 1]
    assert list(replayed.figures["by_date"]) == ["2025-01-05"]
    (again,) = replayed.rows("quarantined")
    (before,) = [row for row in quarantined.rows("quarantined") if row["order_id"] == "still broken"]
    same = [column for column in before if column not in ("run_id",)]
    assert [again[column] for column in same] == [before[column] for column in same]
    assert before["extra_values"] == '{"note":"kept"}'


def test_a_mended_row_that_ties_stands_by_its_digest_whatever_runs_next(
    lake: Any, line: Any, digest: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = [f"SO-{n}" for n in range(6)]
    sound = {order: line(order, quantity="1", changed_at=EARLY, note="n") for order in orders}
    mended = {order: {**sound[order], "quantity": "2"} for order in orders}
    raw = lake.deliver(JAN_5, [*sound.values(), *({**row, "quantity": "2 pcs"} for row in mended.values())])
    standing = {order: max(sound[order], mended[order], key=digest) for order in orders}
    stands = {(order, int(row["quantity"])) for order, row in standing.items()}
    of_mended = {order for order, quantity in stands if quantity == 2}
    assert 0 < len(of_mended) < len(orders)  # both directions
    (day,) = lake.curate(lake.work("sales", [raw]))
    entry = with_quantity(lake, day, "2")

    (replayed,) = lake.curate(lake.work("sales", [entry], day.files("published")), run_id="run-2")

    assert replayed.published("order_id", "quantity") == {(order, 2) for order in of_mended}
    assert {row["order_id"] for row in replayed.rows("survivors")} == set(orders) - of_mended
    assert fates(replayed) == (6, len(of_mended), 6 - len(of_mended), 0)
    for row in replayed.rows("published"):
        kept = json.loads(row["kept_aside"])
        assert kept["replayed"] == f"001:{digest(mended[row['order_id']])}"  # changed_at alone is filled
        assert json.loads(kept["extra"]["extra_values"]) == {"note": "n"}
    live = replayed.files("published") + replayed.files("survivors")
    for again, expected in [(raw, (12, 6 - len(of_mended), len(of_mended), 6)), (entry, fates(replayed))]:
        (repeated,) = lake.curate(lake.work("sales", [again], live), run_id="run-3")
        assert fates(repeated) == expected
        assert repeated.figures["repeats"] == 0
        assert repeated.figures["rows_written"] == 0
        assert repeated.figures["touched_files"] == []

    # The one that stands goes on doing so where its file is written anew for another row's sake.
    corrected = line("SO-0", quantity=7, changed_at=LATE)
    (later,) = lake.curate(lake.work("sales", [lake.deliver(JAN_6, [corrected])], live), run_id="run-4")
    assert later.figures["touched_files"] == replayed.files("published")
    untouched = [path for path in live if path not in later.figures["touched_files"]]
    live = later.files("published") + later.files("survivors") + untouched
    monkeypatch.setattr(curation, "FEW_ROWS", 0)  # with contested keys found first too
    (repeated,) = lake.curate(lake.work("sales", [raw], live), run_id="run-5")
    assert fates(repeated) == (12, 5 - len(of_mended - {"SO-0"}), 1 + len(of_mended - {"SO-0"}), 6)
    assert repeated.figures["rows_written"] == 0


def test_a_redelivery_wins_over_what_was_delivered_and_by_its_digest_over_what_was_mended(
    lake: Any, line: Any, digest: Any
) -> None:
    orders = [f"SO-{n}" for n in range(6)]
    refused = [line(order, quantity="2 pcs") for order in orders]
    (day,) = lake.curate(
        lake.work("sales", [lake.deliver(JAN_5, [*refused, line("delivered", quantity="2")])])
    )
    entry = with_quantity(lake, day, "2")
    (replayed,) = lake.curate(lake.work("sales", [entry], day.files("published")), run_id="run-2")
    assert fates(replayed) == (6, 6, 0, 0)
    live = day.files("published") + replayed.files("published")
    redelivered = [line(order, quantity=3) for order in (*orders, "delivered")]
    greater = {order for order in orders if digest(line(order, quantity=3)) > digest(line(order))}
    assert 0 < len(greater) < len(orders)

    (again,) = lake.curate(lake.work("sales", [lake.deliver(JAN_5, redelivered)], live), run_id="run-3")

    assert again.published("order_id", "quantity") == {(order, 3) for order in (*greater, "delivered")}
    assert {row["order_id"] for row in again.rows("survivors")} == set(orders) - greater
    assert fates(again) == (7, 1 + len(greater), 6 - len(greater), 0)


def with_quantity(lake: Any, outcome: Any, quantity: str) -> Any:
    """What a run of JAN_5 refused, every row mended, as an input of a replay."""
    (path,) = outcome.files("quarantined")
    rows = pq.ParquetFile(path.removeprefix("file://")).read()
    mended = rows.set_column(
        rows.column_names.index("quantity"), "quantity", pa.array([quantity] * rows.num_rows)
    )
    return {**lake.deliver(JAN_5, mended), "replay": True}


def fates(outcome: Any) -> tuple[int, ...]:
    counted = ("rows_raw", "rows_published", "rows_superseded", "rows_quarantined")
    return tuple(outcome.figures[name] for name in counted)


def test_a_day_whose_files_have_no_row_is_judged_with_the_others(lake: Any, line: Any) -> None:
    empty = pa.Table.from_pylist([line("x")]).slice(0, 0)
    entries = [lake.deliver(JAN_5, [line("SO-1")]), lake.deliver(JAN_6, empty)]
    (outcome,) = lake.curate(lake.work("sales", entries))
    assert {day: counts["rows_raw"] for day, counts in outcome.figures["by_date"].items()} == {
        "2025-01-05": 1,
        "2025-01-06": 0,
    }
