"""Publishing on a real Iceberg table: atomic, idempotent by work, refused when somebody else was faster."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

from tasks.errors import StaleResult, SystemFault, TransientError
from tasks.lake import lake_commits, lake_log, lake_tables
from tasks.lake.lake_commits import Commit
from tasks.services import aws

DAY, NEXT = date(2025, 1, 1), date(2025, 1, 2)
PLACE = "s3://highwater-lake/curated/sales"


def put(key: str, **columns: Any) -> str:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    aws.s3().put_object(Bucket="highwater-lake", Key=key, Body=buffer.getvalue())
    return f"s3://highwater-lake/{key}"


def rows(namespace: str = "curated") -> list[dict[str, Any]]:
    table = lake_tables.load(namespace, "sales")
    assert table
    return sorted(table.scan().to_arrow().to_pylist(), key=str)


def commit(work: str, added: tuple[str, ...] = (), removed: tuple[str, ...] = (), day: date = DAY) -> Commit:
    return Commit(work, f"run-{work}", (day,), "1.0.0", added, removed)


def publish(made: Commit, base: int | None) -> int:
    found = lake_tables.snapshot_id(lake_commits.publish("curated", "sales", PLACE, made, base))
    assert found
    return found


def test_first_publication_creates_the_table(empty_lake: None) -> None:
    file = put("curated/sales/data/w1/published/a.parquet", order_id=["a", "b"])
    publish(commit("w1", (file,)), None)
    assert rows() == [{"order_id": "a"}, {"order_id": "b"}]


def test_the_same_work_is_published_once(empty_lake: None) -> None:
    file = put("curated/sales/data/w1/published/a.parquet", order_id=["a"])
    first = publish(commit("w1", (file,)), None)
    assert publish(commit("w1", (file,)), None) == first
    assert rows() == [{"order_id": "a"}]


def test_replacement_and_survivors_are_one_commit(empty_lake: None) -> None:
    old = put("curated/sales/data/w1/published/a.parquet", order_id=["a", "b"], net=[1, 1])
    base = publish(commit("w1", (old,)), None)
    new = put("curated/sales/data/w2/published/a.parquet", order_id=["b"], net=[2])
    kept = put("curated/sales/data/w2/survivors/a.parquet", order_id=["a"], net=[1])
    publish(commit("w2", (new, kept), (old,)), base)
    assert rows() == [{"order_id": "a", "net": 1}, {"order_id": "b", "net": 2}]


def test_the_log_replays_new_rows_and_not_survivors(empty_lake: None) -> None:
    old = put("curated/sales/data/w1/published/a.parquet", order_id=["a", "b"])
    base = publish(commit("w1", (old,)), None)
    new = put("curated/sales/data/w2/published/a.parquet", order_id=["b"])
    kept = put("curated/sales/data/w2/survivors/a.parquet", order_id=["a"])
    head = publish(commit("w2", (new, kept), (old,), NEXT), base)
    table = lake_tables.load("curated", "sales")
    assert table
    assert [
        (entry.snapshot_id, entry.files, entry.raw_dates) for entry in lake_log.log_after(table, base)
    ] == [(head, (new,), (NEXT,))]
    assert [entry.files for entry in lake_log.log_after(table, head)] == []
    (everything,) = lake_log.log_after(table, None)
    assert (everything.files, everything.raw_dates) == ((new, kept), (DAY, NEXT))


def test_a_log_whose_unloaded_part_expired_is_not_passed_over(empty_lake: None) -> None:
    base, snapshots = None, []
    for n in range(3):
        base = publish(
            commit(f"w{n}", (put(f"curated/sales/data/w{n}/published/a.parquet", order_id=[n]),)), base
        )
        snapshots.append(base)
    table = lake_tables.load("curated", "sales")
    assert table
    table.maintenance.expire_snapshots().by_ids(snapshots[:2]).commit()
    cut = lake_tables.load("curated", "sales")
    assert cut
    with pytest.raises(
        SystemFault,
        match=rf"curated\.sales: snapshot {snapshots[0]}, the last .* Delete the row of sales from MONITORING\.LOAD_HEADS",
    ):
        list(lake_log.log_after(cut, snapshots[0]))
    assert list(lake_log.log_after(cut, snapshots[2])) == []
    (whole,) = lake_log.log_after(cut, None)
    assert len(whole.files) == 3


def test_a_publication_in_between_is_noticed(empty_lake: None) -> None:
    first = put("curated/sales/data/w1/published/a.parquet", order_id=["a"])
    base = publish(commit("w1", (first,)), None)
    second = put("curated/sales/data/w2/published/a.parquet", order_id=["b"])
    publish(commit("w2", (second,)), base)
    late = put("curated/sales/data/w3/published/a.parquet", order_id=["c"])
    with pytest.raises(StaleResult, match="another run published"):
        publish(commit("w3", (late,)), base)
    assert rows() == [{"order_id": "a"}, {"order_id": "b"}]


def test_an_empty_publication_still_says_which_dates_were_processed(empty_lake: None) -> None:
    file = put("curated/sales/data/w1/published/a.parquet", order_id=["a"])
    base = publish(commit("w1", (file,)), None)
    publish(commit("w2", day=NEXT), base)
    assert lake_log.processed_raw_dates(lake_tables.load("curated", "sales")) == {DAY, NEXT}
    assert lake_log.last_notes(lake_tables.load("curated", "sales"))["work"] == "w2"
    assert rows() == [{"order_id": "a"}]


def test_a_column_that_the_contract_gained_appears(empty_lake: None) -> None:
    old = put("curated/sales/data/w1/published/a.parquet", order_id=["a"])
    base = publish(commit("w1", (old,)), None)
    new = put("curated/sales/data/w2/published/a.parquet", order_id=["b"], promo_id=["P1"])
    publish(commit("w2", (new,)), base)
    assert rows() == [{"order_id": "a", "promo_id": None}, {"order_id": "b", "promo_id": "P1"}]


def test_an_amendment_sees_what_is_there_and_is_refused_when_that_changed(
    empty_lake: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = "s3://highwater-lake/quarantine/sales"

    def broken(name: str, day: date, *ids: str) -> str:
        return put(f"curated/sales/data/{name}.parquet", raw_date=[day] * len(ids), order_id=list(ids))

    def amend(work: str, added: tuple[str, ...] = (), removed: tuple[str, ...] = ()) -> list[str]:
        seen: list[str] = []

        def change(live: list[str]) -> Commit:
            seen[:] = sorted(live)
            return commit(work, added, removed)

        lake_commits.amend("quarantine", "sales", place, change)
        return seen

    first, second = broken("q1", DAY, "a", "b"), broken("q2", NEXT, "c")
    assert amend("w0") == []
    assert lake_tables.load("quarantine", "sales") is None
    assert amend("w1", (first, second)) == []
    assert amend("w2", (broken("q3", DAY, "b"),), (first,)) == [first, second]
    assert rows("quarantine") == [
        {"raw_date": DAY, "order_id": "b"},
        {"raw_date": NEXT, "order_id": "c"},
    ]
    really = lake_commits._commit

    def outrun(*arguments: Any) -> None:
        monkeypatch.setattr(lake_commits, "_commit", really)
        amend("w3", (), (second,))
        really(*arguments)

    monkeypatch.setattr(lake_commits, "_commit", outrun)
    with pytest.raises(TransientError, match=r"quarantine\.sales: another run committed at the same moment"):
        amend("w4", (broken("q4", NEXT, "c"),), (second,))
    assert rows("quarantine") == [{"raw_date": DAY, "order_id": "b"}]


def test_failures_of_the_catalog_and_of_s3_are_told_as_our_kinds(
    empty_lake: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = put("curated/sales/data/w1/published/a.parquet", order_id=["a"])
    table = lake_commits.publish("curated", "sales", PLACE, commit("w1", (file,)), None)
    assert table
    with pytest.raises(
        SystemFault, match=r"reading the end of s3://highwater-lake/gone\.parquet: .*restore it"
    ):
        publish(commit("w2", ("s3://highwater-lake/gone.parquet",)), lake_tables.snapshot_id(table))
    for manifest in aws.s3().list_objects_v2(Bucket="highwater-lake", Prefix="curated/sales/metadata/snap-")[
        "Contents"
    ]:
        aws.s3().delete_object(Bucket="highwater-lake", Key=manifest["Key"])
    with pytest.raises(SystemFault, match=r"listing the files of curated\.sales: .*roll the table back"):
        lake_tables.live_files(lake_tables.load("curated", "sales"))

    def refused(*_: Any, **__: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetTable")

    monkeypatch.setattr(lake_tables.catalog(), "load_table", refused)
    with pytest.raises(
        SystemFault, match=r"opening curated\.sales: AccessDeniedException: no\. Give the worker"
    ):
        lake_tables.load("curated", "sales")


@pytest.mark.parametrize("rewrites", [False, True])
def test_a_publication_at_the_same_moment_is_noticed(
    empty_lake: None, monkeypatch: pytest.MonkeyPatch, rewrites: bool
) -> None:
    """Both looked at the table, both found it as it was: the second may not go in on top of rows it never saw."""
    first = put("curated/sales/data/w1/published/a.parquet", order_id=["a"])
    base = publish(commit("w1", (first,)), None)
    slow = put("curated/sales/data/w2/published/a.parquet", order_id=["b"], net=[1])
    fast = put("curated/sales/data/w3/published/a.parquet", order_id=["b"], net=[2])
    really = lake_commits._commit

    def outrun(*arguments: Any) -> None:
        monkeypatch.setattr(lake_commits, "_commit", really)
        publish(commit("w3", (fast,)), base)
        really(*arguments)

    monkeypatch.setattr(lake_commits, "_commit", outrun)
    with pytest.raises(StaleResult, match="run run-w2 computed from snapshot"):
        publish(commit("w2", (slow,), (first,) if rewrites else ()), base)
    assert rows() == [{"order_id": "a", "net": None}, {"order_id": "b", "net": 2}]


def features(as_of: date, name: str, *units: int) -> str:
    days = pa.array([as_of] * len(units), pa.date32())
    return put(f"ml/demand_features/data/{name}.parquet", as_of=days, units=list(units))


def test_features_of_a_day_replace_its_own_and_leave_other_days(empty_lake: None) -> None:
    aws.glue().create_database(DatabaseInput={"Name": "ml"})
    place = "s3://highwater-lake/ml/demand_features"

    def publish(as_of: date, *files: str) -> int | None:
        commit = Commit("w" + files[0][-12], "run-1", (), "1.0.0", added=files)
        return lake_commits.replace_as_of("ml", "demand_features", place, commit, as_of)

    def rows() -> list[tuple[date, int]]:
        table = lake_tables.load("ml", "demand_features")
        assert table
        return sorted((row["as_of"], row["units"]) for row in table.scan().to_arrow().to_pylist())

    first = publish(DAY, features(DAY, "a", 1, 2), features(DAY, "b", 3))
    assert publish(DAY, features(DAY, "a", 1, 2), features(DAY, "b", 3)) == first
    publish(NEXT, features(NEXT, "c", 4))
    assert rows() == [(DAY, 1), (DAY, 2), (DAY, 3), (NEXT, 4)]
    publish(DAY, features(DAY, "d", 9))
    assert rows() == [(DAY, 9), (NEXT, 4)]
    assert lake_tables.files_of("ml", "demand_features", first) == [f"{place}/data/{n}.parquet" for n in "ab"]
    with pytest.raises(SystemFault, match="no file to publish"):
        lake_commits.replace_as_of("ml", "demand_features", place, Commit("w", "r", (), "1"), DAY)
