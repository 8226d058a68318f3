"""What leaves quarantine and what stays, on real Iceberg tables and Parquet files: replays, re-runs, races."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import textwrap
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.catalog import contract
from tasks.errors import DataError, StaleResult, TransientError
from tasks.intake.landing import InputFile, Slice
from tasks.intake.rules import delivery
from tasks.lake import lake_commits, lake_tables
from tasks.lake.lake_commits import Commit
from tasks.publishing import publication, quarantine, replay
from tasks.publishing.curated import Counts, Curated
from tasks.services import aws, objects
from tests.tasks.conftest import DAY

NEXT = DAY + timedelta(days=1)
ROOT = Path(__file__).parents[3]
Row = dict[str, Any]
_TEXTS = (*contract("sales").names, "source_file", "extra_values", "row_id")
SCHEMA = pa.schema([*((name, pa.string()) for name in _TEXTS), ("raw_date", pa.date32())])


def broken(order: str, day: date = DAY, net: str = "x") -> Row:
    row: Row = dict.fromkeys(contract("sales").names)
    row |= {
        "order_id": order,
        "net_revenue": net,
        "source_file": f"s3://lake/raw/{day}",
        "extra_values": None,
    }
    return {**row, "raw_date": day, "row_id": replay.row_id("sales", row)}


def write(folder: str, rows: Iterable[Row]) -> None:
    """As the job does: a file per raw date, in a folder that is named by it."""
    rows = list(rows)
    for day in sorted({row["raw_date"] for row in rows}):
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist([r for r in rows if r["raw_date"] == day], schema=SCHEMA), sink)
        objects.write(f"{folder}/day={day}/part-0.parquet", sink.getvalue().to_pybytes())


def judged(work: str, slice_: Slice, refused: Iterable[Row]) -> Curated:
    place = f"s3://highwater-lake/quarantine/sales/data/{work}"
    write(place, refused)
    days = slice_.raw_dates
    counts = Counts(0, 0, 0, 0, 0)
    return Curated(
        slice_,
        work,
        None,
        f"s3://highwater-lake/curated/sales/data/{work}",
        counts,
        dict.fromkeys(days, counts),
        {},
        {},
        (),
        None,
        "s3://lake/figures.json",
        quarantine=place,
    )


def landed(day: date = DAY, name: str = "part-0", body: bytes = b"rows") -> InputFile:
    """A raw file, delivered; landing lists it whatever is in it."""
    address = f"s3://highwater-lake/{delivery('sales').address(day)}{name}.parquet"
    objects.write(address, body)
    return InputFile(address, day, 9, {}, objects.head(address).etag)


def put_aside(work: str, files: Iterable[InputFile], *refused: Row) -> None:
    quarantine.put_aside(judged(work, Slice("sales", tuple(files)), refused), f"run-{work}")


def daily(work: str, *refused: Row, days: Iterable[date] = (DAY,)) -> None:
    put_aside(work, [landed(day) for day in days], *refused)


def held() -> list[tuple[str, date]]:
    table = lake_tables.load(lake_tables.QUARANTINE, "sales")
    rows = table.scan().to_arrow().to_pylist() if table else []
    return sorted((row["order_id"], row["raw_date"]) for row in rows)


def corrections(**net: str) -> str:
    lines = [f"{broken(order)['row_id']},{value}" for order, value in net.items()]
    return objects.write("s3://highwater-lake/mended.csv", "\n".join(["row_id,net_revenue", *lines]).encode())


def gathered(mended: str | None = None, first: date = DAY, last: date = DAY) -> Slice:
    return replay.gather("sales", first, last, mended)


def read_back(slice_: Slice) -> dict[str, str]:
    rows = [row for file in slice_.inputs for row in _rows(file.path)]
    return {row["order_id"]: row["net_revenue"] for row in rows}


def _rows(path: str) -> list[Row]:
    with quarantine.opened(path) as file:
        return file.read().to_pylist()  # type: ignore[no-any-return]


def test_rows_go_in_as_they_are_where_nothing_is_corrected(empty_lake: None) -> None:
    daily("w1", broken("a"), broken("b"), broken("c", NEXT), days=(DAY, NEXT))
    (file,) = gathered().inputs
    assert (file.path, file.origin, file.rows, file.raw_date, file.replay) == (
        file.origin,
        file.origin,
        2,
        DAY,
        True,
    )
    assert read_back(gathered(last=NEXT)) == {"a": "x", "b": "x", "c": "x"}
    with pytest.raises(
        DataError, match=r"quarantine\.sales has no rows with raw dates 2025-01-01\.\.2025-01-05"
    ):
        gathered(first=date(2025, 1, 1), last=date(2025, 1, 5))


def test_corrected_rows_go_in_as_a_copy_and_the_same_corrections_as_the_same_copy(empty_lake: None) -> None:
    daily("w1", broken("a"), broken("b"), broken("c", NEXT), days=(DAY, NEXT))
    slice_ = gathered(corrections(a="5"), last=NEXT)
    assert read_back(slice_) == {"a": "5", "b": "x", "c": "x"}
    assert [file.path == file.origin for file in slice_.inputs] == [False, True]
    assert gathered(corrections(a="5"), last=NEXT) == slice_  # so a repeat takes up the job of a killed run
    assert gathered(corrections(a="6"), last=NEXT).fingerprint() != slice_.fingerprint()
    with pytest.raises(
        DataError, match=r"mended\.csv: 1 row_id\(s\) are not in quarantine\.sales for 2025-01-06"
    ):
        gathered(corrections(a="5", stranger="6"))


def test_a_replay_takes_out_what_it_read_and_leaves_what_was_refused_again(empty_lake: None) -> None:
    daily("w1", *(broken(order) for order in "abc"), broken("d", NEXT), days=(DAY, NEXT))
    slice_ = gathered(corrections(a="5", b="y"))
    quarantine.settle(judged("w2", slice_, [broken("b", net="y"), broken("c")]), "r2")
    assert held() == [("b", DAY), ("c", DAY), ("d", NEXT)]
    assert quarantine.corrected_rows("sales", DAY, NEXT) == {
        DAY: {broken("a")["row_id"]}
    }  # b is as broken as before


def test_a_mended_row_stays_out_when_its_date_is_run_again(empty_lake: None) -> None:
    daily("w1", broken("a"), broken("b"))
    quarantine.settle(judged("w2", gathered(corrections(a="5")), [broken("b")]), "r2")
    for n in (3, 3, 4):  # the job of a repeat may be the same one
        daily(f"w{n}", broken("a"), broken("b"))
        assert held() == [("b", DAY)]
    # Every correction was taken through before: nothing is left to do for them, and that is no mistake.
    assert read_back(gathered(corrections(a="5"))) == {"b": "x"}
    quarantine.settle(judged("w5", gathered(corrections(b="6")), []), "r5")
    assert held() == []
    daily("w6", broken("a"), broken("b"))
    assert held() == []
    assert gathered(corrections(a="5", b="6")).inputs == ()
    daily("w7", broken("a"), broken("e"))  # a new defect of the same date
    assert held() == [("e", DAY)]


def test_a_row_that_came_while_the_replay_was_at_work_is_kept(empty_lake: None) -> None:
    """The date was run again meanwhile: its quarantine is another file now, with a row more."""
    daily("w1", broken("a"), broken("b"))
    slice_ = gathered(corrections(a="5"))
    daily("w2", broken("a"), broken("b"), broken("late"))
    quarantine.settle(judged("w3", slice_, [broken("b")]), "r3")
    assert held() == [("b", DAY), ("late", DAY)]


def rejected_by_an_earlier_release(*refused: Row) -> None:
    """It wrote below curated/."""
    folder = "s3://highwater-lake/curated/sales/data/w0/jr_0/quarantined"
    write(folder, refused)
    commit = Commit("w0", "r0", (DAY,), "1", (f"{folder}/day={DAY}/part-0.parquet",))
    lake_commits.amend("quarantine", "sales", "s3://highwater-lake/quarantine/sales", lambda _: commit)


def places() -> list[str]:
    files = lake_tables.live_files(lake_tables.load(lake_tables.QUARANTINE, "sales"))
    return sorted(file.file_path.removeprefix("s3://highwater-lake/") for file in files)


def test_rows_that_an_earlier_release_rejected_are_replayed_and_what_is_left_leaves_curated(
    empty_lake: None,
) -> None:
    rejected_by_an_earlier_release(broken("a"), broken("b"))
    slice_ = gathered(corrections(a="5"))
    assert read_back(slice_) == {"a": "5", "b": "x"}
    quarantine.settle(judged("w1", slice_, [broken("b")]), "r1")
    assert held() == [("b", DAY)]
    assert places() == [f"quarantine/sales/data/w1/day={DAY}/part-0.parquet"]


def test_a_file_of_an_earlier_release_that_a_replay_has_not_read_is_copied_out_of_curated(
    empty_lake: None,
) -> None:
    daily("w1", broken("a"))
    slice_ = gathered(corrections(a="5"))
    quarantine.put_aside(judged("w2", Slice("sales", (landed(),)), []), "r2")
    rejected_by_an_earlier_release(broken("a"), broken("late"))  # after the replay had read
    quarantine.settle(judged("w3", slice_, []), "r3")
    assert held() == [("late", DAY)]
    (place,) = places()
    assert place.startswith("quarantine/sales/data/w0/jr_0/quarantined-without-")


def test_a_copy_of_a_copy_has_no_longer_name(empty_lake: None) -> None:
    daily("w1", *(broken(order) for order in "abc"))
    (first,) = (f"s3://highwater-lake/{place}" for place in places())
    second = quarantine._without(first, [broken("a")["row_id"]])
    assert second is not None
    third = quarantine._without(second, [broken("b")["row_id"]])
    assert third is not None
    assert [row["order_id"] for row in _rows(third)] == ["c"]
    assert (third.count("-without-"), len(third)) == (1, len(second))
    assert third != second


# --- two runs of a date, of which one has seen a file more


def test_a_run_that_comes_late_with_an_older_listing_replaces_nothing(empty_lake: None) -> None:
    """It listed one file; another run listed two and was faster. The rows of the second would vanish from every sum."""
    first = landed()
    late = judged("w1", Slice("sales", (first,)), [broken("a")])
    put_aside("w2", (first, landed(name="part-1")), broken("a"), broken("b"))
    with pytest.raises(StaleResult, match=r"part-1\.parquet was added, changed or removed .* complete"):
        quarantine.put_aside(late, "r1")
    assert held() == [("a", DAY), ("b", DAY)]


def test_a_file_that_was_replaced_or_withdrawn_is_noticed(empty_lake: None) -> None:
    files = (landed(), landed(name="part-1"))
    seen = judged("w1", Slice("sales", files), [broken("a")])
    landed(body=b"other rows")
    with pytest.raises(StaleResult, match=r"part-0\.parquet"):
        quarantine.put_aside(seen, "r1")
    landed()
    aws.s3().delete_object(Bucket="highwater-lake", Key=files[1].path.removeprefix("s3://highwater-lake/"))
    with pytest.raises(StaleResult, match=r"part-1\.parquet"):
        quarantine.put_aside(seen, "r1")
    landed(name="part-1")
    landed(NEXT)  # of another date
    quarantine.put_aside(seen, "r1")
    assert held() == [("a", DAY)]


def test_a_run_that_is_overtaken_in_the_middle_of_its_commit_replaces_nothing(
    empty_lake: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its listing was still true when it asked; then a file landed and another run put it in quarantine."""
    put_aside("w0", [landed()], broken("a"))
    first = landed()
    really = lake_commits._commit

    def overtaken(*arguments: Any) -> None:
        monkeypatch.setattr(lake_commits, "_commit", really)
        put_aside("w2", (first, landed(name="part-1")), broken("a"), broken("b"))
        really(*arguments)

    monkeypatch.setattr(lake_commits, "_commit", overtaken)
    slow = judged("w1", Slice("sales", (first,)), [broken("a")])
    with pytest.raises(TransientError, match="another run committed"):
        quarantine.put_aside(slow, "r1")
    with pytest.raises(StaleResult):  # as its task's retry does
        quarantine.put_aside(slow, "r1")
    assert held() == [("a", DAY), ("b", DAY)]


@pytest.mark.parametrize("is_there", [True, False], ids=["table is there", "first rows of the dataset"])
def test_of_two_runs_that_both_open_an_empty_quarantine_the_second_looks_again(
    empty_lake: None, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    if is_there:
        daily("w0", broken("z", NEXT), days=[NEXT])
    first, really = landed(), quarantine.corrected_rows

    def overtaken(*arguments: Any) -> Any:
        """After the table was opened, and found without rows of the day."""
        monkeypatch.setattr(quarantine, "corrected_rows", really)
        put_aside("w2", (first,), broken("a"))
        return really(*arguments)

    monkeypatch.setattr(quarantine, "corrected_rows", overtaken)
    slow = judged("w1", Slice("sales", (first,)), [broken("a")])
    with pytest.raises(TransientError):
        quarantine.put_aside(slow, "r1")
    quarantine.put_aside(slow, "r1")  # as its task's retry does
    assert [row for row in held() if row[1] == DAY] == [("a", DAY)]


def test_a_run_without_broken_rows_refuses_the_one_that_was_about_to_put_some_there(
    empty_lake: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file was replaced by a sound one, and the run that saw it had nothing to change."""
    daily("w0", broken("z", NEXT), days=[NEXT])
    stale, really = landed(), lake_commits._commit

    def overtaken(*arguments: Any) -> None:
        monkeypatch.setattr(lake_commits, "_commit", really)
        put_aside("w2", [landed(body=b"sound")])
        really(*arguments)

    monkeypatch.setattr(lake_commits, "_commit", overtaken)
    slow = judged("w1", Slice("sales", (stale,)), [broken("a")])
    with pytest.raises(TransientError, match="another run committed"):
        quarantine.put_aside(slow, "r1")
    with pytest.raises(StaleResult):
        quarantine.put_aside(slow, "r1")
    assert held() == [("z", NEXT)]


def test_a_repeated_call_that_has_nothing_to_change_makes_one_snapshot(empty_lake: None) -> None:
    daily("w0", broken("z", NEXT), days=[NEXT])
    files = [landed()]
    for _ in range(3):
        put_aside("w1", files)
    table = lake_tables.load(lake_tables.QUARANTINE, "sales")
    assert table is not None
    assert len(table.snapshots()) == 2


def test_publication_of_an_older_listing_is_outrun(empty_lake: None) -> None:
    seen = judged("w1", Slice("sales", (landed(),)), [])
    landed(name="part-1")
    with pytest.raises(StaleResult, match=r"part-1\.parquet"):
        publication.publish(seen, "r1")
    assert lake_tables.load(lake_tables.CURATED, "sales") is None


# --- what others put beside our files


@pytest.mark.parametrize(
    "stray", ["_SUCCESS", "2025-01-06/", "README.md", "2025-01-06/notes.txt", f"2025-99-99/{'a' * 24}", ""]
)
def test_a_stray_key_beside_the_mended_lists_stops_nothing(
    empty_lake: None, stray: str, caplog: pytest.LogCaptureFixture
) -> None:
    daily("w1", broken("a"), broken("b"))
    quarantine.settle(judged("w2", gathered(corrections(a="5")), [broken("b")]), "r2")
    aws.s3().put_object(Bucket="highwater-lake", Key=f"mended/sales/{stray}", Body=b"\xff")
    daily("w3", broken("a"), broken("b"))
    assert held() == [("b", DAY)]
    seen = [r.getMessage() for r in caplog.records if "not a list of corrected rows" in r.getMessage()]
    assert all(f"s3://highwater-lake/mended/sales/{stray}" in line for line in seen)
    assert seen or not stray  # a marker of the folder itself is before all dates


def test_a_file_that_somebody_put_into_the_quarantine_table_stays(empty_lake: None) -> None:
    daily("w1", broken("a"))
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist([broken("theirs")], schema=SCHEMA), sink)
    theirs = objects.write("s3://highwater-lake/by-hand/x.parquet", sink.getvalue().to_pybytes())
    table = lake_tables.load(lake_tables.QUARANTINE, "sales")
    assert table
    table.add_files([theirs])
    daily("w2", broken("b"))
    assert held() == [("b", DAY), ("theirs", DAY)]


def test_settling_twice_is_settling_once(empty_lake: None) -> None:
    daily("w1", broken("a"), broken("b"))
    replayed = judged("w2", gathered(corrections(a="5", b="y")), [broken("b", net="y")])
    for _ in range(2):
        quarantine.settle(replayed, "r2")
        assert held() == [("b", DAY)]


def test_the_same_row_twice_in_a_file_is_mended_twice(empty_lake: None) -> None:
    daily("w1", broken("a"), broken("a"), broken("b"))
    slice_ = gathered(corrections(a="5"))
    assert [row["net_revenue"] for row in _rows(slice_.inputs[0].path)] == ["5", "5", "x"]
    quarantine.settle(judged("w2", slice_, [broken("b")]), "r2")
    assert held() == [("b", DAY)]


def test_a_replays_inputs_know_where_they_came_from() -> None:
    file = InputFile("copy", DAY, 1, {}, "e", replay=True, origin="s3://lake/q.parquet")
    assert "origin" not in file.for_manifest()
    assert (
        Slice("sales", (file,)).fingerprint() == Slice("sales", (replace(file, origin=None),)).fingerprint()
    )


MEMORY = """
import json, sys
from datetime import date
from tasks.lake import lake_commits
from tasks.lake import lake_tables
from tasks.publishing import replay
from tasks.publishing import quarantine

def peak():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))

path, mended = sys.argv[1:]
lake_tables.live_files = lambda *_: [type("F", (), {"file_path": path})()]
before = peak()
(file,) = replay.gather("sales", date(2025, 1, 6), date(2025, 1, 6), mended).inputs
gathered = peak() - before
ids = [line.split()[0] for line in replay.objects.read(file.path.replace(".parquet", ".pairs")).decode().splitlines()]
kept = quarantine._without(path, ids)
print(json.dumps({"rows": file.rows, "corrected": len(ids), "gather": gathered, "both": peak() - before, "base": before}))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is told by Linux's /proc")
def test_memory_does_not_grow_with_the_quarantine(empty_lake: None, tmp_path: Path) -> None:
    """A replay and a re-run read and write the rows in batches, whatever their number."""
    many, size = 6, 50_000
    path = tmp_path / "large.parquet"
    with pq.ParquetWriter(path, SCHEMA) as writer:
        for part in range(many):
            ids = pa.array([hashlib.sha256(f"{part} {n}".encode()).hexdigest() for n in range(size)])
            days = pa.repeat(pa.scalar(DAY), size)
            texts = dict.fromkeys(("row_id", "order_id", "customer_id", "promo_id"), ids)
            columns = [
                days if field.name == "raw_date" else texts.get(field.name, pa.nulls(size, field.type))
                for field in SCHEMA
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=SCHEMA))
    address = "s3://highwater-lake/quarantine/sales/data/w1/jr_1/day=2025-01-06/large.parquet"
    objects.upload(path, address)
    corrected = [hashlib.sha256(f"{part} 7".encode()).hexdigest() for part in range(many)]
    body = "\n".join(["row_id,net_revenue", *(f"{row},5" for row in corrected)])
    objects.write("s3://highwater-lake/mended.csv", body.encode())
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(MEMORY), address, "s3://highwater-lake/mended.csv"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    print(seen)
    assert (seen["rows"], seen["corrected"]) == (many * size, many)
    assert seen["both"] < 200, (
        seen
    )  # how far Arrow reads ahead varies; read whole and copied it takes more than 300
