"""A table that was deleted from the catalog comes back with its rows, its log and its uuid; nothing else is registered."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.manifest import DataFile

from tasks.errors import BusinessError, DataError, SystemFault
from tasks.lake import lake_commits, lake_log, lake_tables
from tasks.lake.lake_commits import Commit
from tasks.recovery import __main__ as recovery
from tasks.recovery.catalog_tables import _files, candidates, register
from tasks.services import aws
from tests.tasks.maintenance.lake import DAY, PLACE, days, files, rows, table
from tests.tasks.maintenance.lake import put as put_parquet

FOLDER = "curated/sales/metadata/"


def lose() -> str:
    """Delete the table from the catalog as a person does, and return what its metadata file was."""
    last = str(table().metadata_location)
    aws.glue().delete_table(DatabaseName="curated", Name="sales")
    assert lake_tables.load("curated", "sales") is None
    return last


def metadata_files() -> list[str]:
    listed = aws.s3().list_objects_v2(Bucket="highwater-lake", Prefix=FOLDER)["Contents"]
    return [each["Key"] for each in listed if each["Key"].endswith(".metadata.json")]


def put(key: str, content: bytes) -> None:
    aws.s3().put_object(Bucket="highwater-lake", Key=key, Body=content)


def body(address: str) -> dict[str, Any]:
    key = address.removeprefix("s3://highwater-lake/")
    return dict(json.loads(aws.s3().get_object(Bucket="highwater-lake", Key=key)["Body"].read()))


def test_a_deleted_table_is_there_again_with_its_rows_and_its_log(empty_lake: None) -> None:
    days(3)
    before, log, uuid = rows(), lake_log.notes_of(table()), table().metadata.table_uuid
    last = lose()
    assert register("curated", "sales", last) == last
    assert rows() == before
    assert len(before) == 6
    assert lake_log.notes_of(table()) == log
    assert table().metadata.table_uuid == uuid
    days(1, first=3)
    assert len(rows()) == 8


def test_a_table_that_is_there_is_left_as_it_is(empty_lake: None) -> None:
    days(1)
    before = table().metadata_location
    with pytest.raises(BusinessError, match=r"curated\.sales is in the catalog"):
        register("curated", "sales", str(before))
    with pytest.raises(BusinessError, match=r"curated\.sales is in the catalog"):
        candidates("curated", "sales")
    assert table().metadata_location == before


def test_a_person_is_shown_the_last_metadata_and_the_one_before(
    empty_lake: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """The newest may be of a commit that never came about, and nothing in the lake tells."""
    days(3)
    before, snapshot = str(table().metadata.metadata_log[-1].metadata_file), table().current_snapshot()
    last = lose()
    assert recovery.main(["register-table", "curated.sales"]) == 1
    shown = [line.split(": ")[0] for line in capsys.readouterr().err.splitlines() if line.startswith("s3://")]
    assert shown == [last, before]
    assert f"snapshot {snapshot.snapshot_id} of run run-w2" in candidates("curated", "sales")[0]
    assert lake_tables.load("curated", "sales") is None
    assert recovery.main(["register-table", "curated.sales", "--metadata", before]) == 0
    assert len(rows()) == 4


def test_metadata_of_a_commit_that_lost_long_ago_is_no_candidate_however_late_it_was_written(
    empty_lake: None,
) -> None:
    days(1)
    lost = body(str(table().metadata_location))
    days(3, first=1)
    last = lose()
    now = round(datetime.now(UTC).timestamp() * 1000) + 60_000
    put(f"{FOLDER}00000-lost.metadata.json", json.dumps(lost | {"last-updated-ms": now}).encode())
    shown = candidates("curated", "sales")
    assert shown[0].startswith(f"{last}: ")
    assert not [line for line in shown if "-lost." in line]


def test_a_last_file_that_was_cut_off_is_passed_over(empty_lake: None) -> None:
    days(2)
    last = lose()
    put(f"{FOLDER}00099-cut-off.metadata.json", json.dumps(body(last)).encode()[:-500])
    assert candidates("curated", "sales")[0].startswith(f"{last}: ")


def test_a_table_whose_file_is_gone_is_not_registered_until_it_is_restored(empty_lake: None) -> None:
    days(2)
    gone = files()[0]
    key = gone.removeprefix("s3://highwater-lake/")
    kept = aws.s3().get_object(Bucket="highwater-lake", Key=key)["Body"].read()
    last = lose()
    aws.s3().delete_object(Bucket="highwater-lake", Key=key)
    with pytest.raises(SystemFault, match=f"1 of 2 files are not there as .* has them: {gone}"):
        register("curated", "sales", last)
    put(key, kept[:-1])  # another length is another file
    with pytest.raises(SystemFault, match="1 of 2 files"):
        register("curated", "sales", last)
    assert lake_tables.load("curated", "sales") is None
    put(key, kept)
    register("curated", "sales", last)
    assert len(rows()) == 4


def test_metadata_of_a_table_at_another_place_is_refused(empty_lake: None) -> None:
    days(1)
    last = lose()
    moved = body(last) | {"location": "s3://highwater-lake/curated/other"}
    put(f"{FOLDER}00099-moved.metadata.json", json.dumps(moved).encode())
    with pytest.raises(DataError, match=r"is of a table at s3://highwater-lake/curated/other"):
        register("curated", "sales", f"s3://highwater-lake/{FOLDER}00099-moved.metadata.json")
    assert lake_tables.load("curated", "sales") is None


def test_metadata_that_names_a_predecessor_of_another_table_is_refused(empty_lake: None) -> None:
    days(2)
    last = lose()
    other = body(last) | {"table-uuid": "00000000-0000-4000-8000-000000000000"}
    put(f"{FOLDER}00099-other.metadata.json", json.dumps(other).encode())
    with pytest.raises(DataError, match="which it names as its predecessor"):
        register("curated", "sales", f"s3://highwater-lake/{FOLDER}00099-other.metadata.json")


def test_both_of_two_commits_at_once_are_shown(empty_lake: None) -> None:
    days(2)
    last = lose()
    number = last.rpartition("/")[2].partition("-")[0]
    put(f"{FOLDER}{number}-rival.metadata.json", json.dumps(body(last)).encode())
    shown = [line.partition(": ")[0] for line in candidates("curated", "sales")]
    assert set(shown[:2]) == {last, f"s3://highwater-lake/{FOLDER}{number}-rival.metadata.json"}
    assert register("curated", "sales", last) == last
    assert len(rows()) == 4


def test_a_table_that_was_made_anew_at_its_place_is_the_newer_one(empty_lake: None) -> None:
    days(3)
    lose()
    fresh = Commit("w9", "run-w9", (), "1.0.0", tuple(live()), (), {})
    lake_commits.publish("curated", "sales", "s3://highwater-lake/curated/sales", fresh, None)
    uuid = table().metadata.table_uuid
    last = lose()
    shown = candidates("curated", "sales")
    assert shown[0].startswith(f"{last}: ")
    assert {body(line.partition(": ")[0])["table-uuid"] for line in shown} == {str(uuid)}


def live() -> list[str]:
    listed = aws.s3().list_objects_v2(Bucket="highwater-lake", Prefix="curated/sales/data/w0/")["Contents"]
    return [f"s3://highwater-lake/{each['Key']}" for each in listed]


def test_a_place_without_metadata_is_said(empty_lake: None) -> None:
    with pytest.raises(
        DataError, match=r"no readable metadata file lies below s3://highwater-lake/curated/stock/"
    ):
        candidates("curated", "stock")


@pytest.mark.parametrize("name", ["sales", ".sales", "curated."])
def test_a_table_is_named_with_its_database(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert recovery.main(["register-table", name]) == 1
    assert (
        f"'{name}' is no table: name it with its database, such as curated.sales" in capsys.readouterr().err
    )


def test_files_that_delete_rows_are_looked_for_too(empty_lake: None) -> None:
    days(1)
    (task,) = table().scan().plan_files()
    task.delete_files.add(DataFile.from_args(file_path="s3://highwater-lake/d.parquet", file_size_in_bytes=7))
    assert _files([task]) == {files()[0]: task.file.file_size_in_bytes, "s3://highwater-lake/d.parquet": 7}


def test_a_folder_whose_name_only_begins_alike_is_not_the_tables(empty_lake: None) -> None:
    """Its files are asked for one by one: the listing of the table's folder does not have them."""
    days(1)
    dates = pa.array([DAY], pa.date32())
    elsewhere = put_parquet("curated/sales2/data/a.parquet", order_id=["z"], source_date=dates)
    other = Commit("w9", "run-w9", (), "1.0.0", (elsewhere,), (), {})
    lake_commits.publish("curated", "sales", PLACE, other, lake_tables.snapshot_id(table()))
    last = lose()
    assert register("curated", "sales", last) == last
    assert elsewhere in files()
