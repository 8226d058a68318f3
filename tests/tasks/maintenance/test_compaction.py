"""Compaction: the same rows in fewer files, a commit that nobody takes for a publication, and that anybody outruns."""

from __future__ import annotations

import io
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.errors import StaleResult, SystemFault
from tasks.lake import lake_commits, lake_log, lake_tables
from tasks.lake.lake_commits import Commit
from tasks.maintenance import compaction
from tasks.maintenance.compaction import Compaction, Sizes
from tasks.services import aws
from tests.tasks.maintenance.lake import BUCKET, DAY, PLACE, days, files, ids, keys, publish, put, rows, table

FEW = Sizes(fewest=3)


def test_the_same_rows_in_one_file_and_the_log_as_it_was(empty_lake: None) -> None:
    made = days(4)
    before, notes = rows(), lake_log.notes_of(table())
    done = compaction.compact(table(), "run-of-maintenance", FEW)
    assert (done.files_before, done.files_after, done.left) == (4, 1, "")
    assert 0 < done.bytes_after < done.bytes_before
    assert rows() == before
    (file,) = files()
    assert "/compacted/" in file
    assert lake_tables.PUBLISHED_FOLDER not in file
    assert lake_log.notes_of(table()) == notes
    assert lake_log.last_notes(table())["work"] == "w3"
    assert lake_log.publication_id(table()) == made[-1] != lake_tables.snapshot_id(table())
    assert table().current_snapshot().summary["highwater.run-id"] == "run-of-maintenance"
    assert compaction.compact(table(), "again", FEW) == Compaction()


def test_a_load_takes_each_publication_once_and_nothing_of_the_compaction(empty_lake: None) -> None:
    made = days(4)
    new = {n: f"{PLACE}/data/w{n}/published/a.parquet" for n in range(6)}
    compaction.compact(table(), "run", FEW)

    def to_load(after: int) -> list[tuple[int, tuple[str, ...]]]:
        return [(entry.snapshot_id, entry.files) for entry in lake_log.log_after(table(), after)]

    assert to_load(made[1]) == [(made[2], (new[2],)), (made[3], (new[3],))]
    assert to_load(made[3]) == []
    (fifth,) = days(1, first=4)
    assert to_load(made[3]) == [(fifth, (new[4],))]
    assert to_load(ids()[4]) == [(fifth, (new[4],))]  # a head that a person set to the compaction
    (everything,) = lake_log.log_after(table(), None)
    assert (everything.rows, len(everything.files), len(everything.raw_dates)) == (10, 2, 5)


def test_neighbours_in_time_go_together_and_large_files_stay(empty_lake: None) -> None:
    order = (5, 0, 3, 1, 4, 2)
    for n in order:
        publish(f"w{n}", DAY + timedelta(days=n), f"a{n}", f"b{n}")
    (size,) = {file.file_size_in_bytes for file in lake_tables.live_files(table())}

    def planned(**sizes: int) -> list[list[str]]:
        found = compaction.plan(
            table(), Sizes(**{"small": size + 1, "fewest": 2, "target": 3 * size, **sizes})
        )
        return [[file.file_path.split("/")[-3] for file in group] for group in found]

    assert planned() == [["w0", "w1", "w2"], ["w3", "w4", "w5"]]
    assert planned(target=4 * size) == [["w0", "w1", "w2", "w3"], ["w4", "w5"]]
    assert planned(target=4 * size, fewest=3) == [["w0", "w1", "w2", "w3"]]
    assert planned(small=size) == []


def test_a_publication_in_between_wins_and_loses_nothing(
    empty_lake: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    days(3)
    really = lake_commits.publish

    def outrun(*arguments: Any) -> Any:
        monkeypatch.setattr(lake_commits, "publish", really)
        publish("fast", DAY, "z")
        return really(*arguments)

    monkeypatch.setattr(lake_commits, "publish", outrun)
    done = compaction.compact(table(), "run", FEW)
    assert (done.files_before, done.files_after) == (0, 0)
    assert "another run published meanwhile" in done.left
    assert [notes["work"] for notes in lake_log.notes_of(table())] == ["w0", "w1", "w2", "fast"]
    assert len(rows()) == 7
    assert compaction.compact(table(), "run", FEW).files_before == 4


def test_a_run_that_computed_before_a_compaction_is_outrun_and_computes_anew(empty_lake: None) -> None:
    base = days(3)[-1]
    late = put("curated/sales/data/late/published/a.parquet", order_id=["z"])
    commit = Commit("late", "run-late", (DAY,), "1.0.0", (late,), (files()[0],))
    compaction.compact(table(), "run", FEW)
    with pytest.raises(StaleResult, match="another run published meanwhile"):
        lake_commits.publish("curated", "sales", PLACE, commit, base)
    assert len(rows()) == 6


def test_killed_before_the_commit_nothing_is_visible_and_the_next_run_does_it(
    empty_lake: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    days(3)
    before, live, snapshots = rows(), files(), ids()

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(compaction, "_commit", die)
        with pytest.raises(KeyboardInterrupt):
            compaction.compact(table(), "killed", FEW)
    assert (rows(), files(), ids()) == (before, live, snapshots)
    assert compaction.compact(table(), "killed", FEW).files_after == 1
    assert rows() == before


def test_a_plan_alone_changes_nothing(empty_lake: None) -> None:
    days(3)
    before = keys()
    done = compaction.planned_only(table(), FEW)
    assert (done.files_before, done.files_after) == (3, 1)
    assert keys() == before


def test_a_file_that_was_overwritten_is_not_taken_for_the_table(empty_lake: None) -> None:
    days(3)
    put("curated/sales/data/w1/published/a.parquet", order_id=["only one"], source_date=pa.array([DAY]))
    snapshots = ids()
    with pytest.raises(SystemFault, match="hold 5 rows, and 6 by the table's manifests"):
        compaction.compact(table(), "run", FEW)
    assert ids() == snapshots


def test_a_column_of_two_kinds_is_told(tmp_path: Path) -> None:
    for name, values in (("a", [1]), ("b", ["x"])):
        pq.write_table(pa.table({"net": values}), tmp_path / name)
    with pytest.raises(SystemFault, match="a column of two types"):
        compaction._schema([tmp_path / "a", tmp_path / "b"], "s3://lake/new")


def test_a_difference_of_one_value_is_found() -> None:
    def batches(*values: int | None) -> Any:
        return iter([pa.record_batch({"n": pa.array(values, pa.int64())})])

    assert compaction._require_same(batches(1, None), batches(1, None), "x") == 2
    for other in (batches(1, 0), batches(1), batches(1, None, None)):
        with pytest.raises(SystemFault, match="differs from the files"):
            compaction._require_same(batches(1, None), other, "x")


values = st.fixed_dictionaries(
    {"order_id": st.text(max_size=3)},
    optional={
        "net": st.one_of(st.none(), st.floats()),
        "day": st.one_of(st.none(), st.dates(date(1900, 1, 1), date(2100, 1, 1))),
        "tags": st.one_of(st.none(), st.lists(st.one_of(st.none(), st.text(max_size=2)), max_size=2)),
    },
)
KINDS = {
    "order_id": pa.string(),
    "net": pa.float64(),
    "day": pa.date32(),
    "tags": pa.list_(pa.string()),
}


def as_file(made: list[dict[str, Any]]) -> pa.Table:
    """With the columns alone that any row has, as a file of an older contract."""
    names = [name for name in KINDS if name == "order_id" or any(name in row for row in made)]
    return pa.table({n: pa.array([row.get(n) for row in made], KINDS[n]) for n in names})


def bits(found: pa.Table) -> list[str]:
    rows = [
        {n: found.column(n)[i].as_py() if n in found.column_names else None for n in KINDS}
        for i in range(len(found))
    ]
    return [repr(row) for row in rows]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(values, min_size=1, max_size=30), min_size=1, max_size=5), st.integers(1, 40))
def test_every_row_is_copied_as_it_is_in_its_order(
    account: None, made: list[list[dict[str, Any]]], at_once: int
) -> None:
    group = []
    expected: list[str] = []
    for n, part in enumerate(made):
        content, body = as_file(part), io.BytesIO()
        pq.write_table(content, body, row_group_size=7)
        aws.s3().put_object(Bucket=BUCKET, Key=f"{n}.parquet", Body=body.getvalue())
        size = body.getbuffer().nbytes
        group.append(
            type(
                "F",
                (),
                {
                    "file_path": f"s3://{BUCKET}/{n}.parquet",
                    "record_count": len(part),
                    "file_size_in_bytes": size,
                },
            )
        )
        expected += bits(content)
    kept = compaction._GROUP_ROWS
    compaction._GROUP_ROWS = at_once
    try:
        compaction._rewritten(group, f"s3://{BUCKET}/new.parquet")  # type: ignore[arg-type]
    finally:
        compaction._GROUP_ROWS = kept
    with tempfile.TemporaryDirectory() as folder:
        aws.s3().download_file(BUCKET, "new.parquet", f"{folder}/new.parquet")
        assert bits(pq.read_table(f"{folder}/new.parquet")) == expected
