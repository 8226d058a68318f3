"""How a rebuild ends: what it leaves out, what stops it, and what is on record of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import IntegrityError

from contracts.marketing.demographics import DEMOGRAPHICS
from local.sample.marketing.uploads import FIRST_DAY, uploads
from tasks.errors import BusinessError, DataError, SystemFault
from tasks.forecast import predictions
from tasks.inbox import arrivals, reading
from tasks.marketing import deliveries
from tasks.marketing import loading as marketing_loading
from tasks.marketing.checks import CriticalCheck
from tasks.publishing.quality import Finding
from tasks.recovery import __main__ as recovery
from tasks.recovery import earlier_moves, rebuild_sources
from tasks.recovery import rebuild as rebuilding
from tasks.recovery.earlier_moves import Noted
from tasks.recovery.inbox_files import sha256_of
from tasks.runs import monitoring
from tasks.runs.monitoring import RunRecord
from tasks.services import aws, objects
from tasks.settings import settings
from tests.warehouse.before_loss import INBOX, forecast, lake, take_in
from tests.warehouse.interleaved import around_statements
from tests.warehouse.standin import BUCKET, Warehouse
from tests.warehouse.test_rebuild import connected, made, on_record, rebuilt
from warehouse.load import predictions as prediction_statements

__all__ = ["lake"]
pytestmark = pytest.mark.e2e

SECOND, THIRD, FOURTH = (FIRST_DAY + timedelta(days=days) for days in (1, 2, 3))


def shrink(day: date) -> None:
    """Deliver customers of whom a third is left."""
    folder = deliveries.folder(DEMOGRAPHICS, day)
    found, *_ = deliveries.deliveries(FIRST_DAY).customers
    lines = objects.read(found.address).splitlines(keepends=True)
    objects.write(f"{folder}customers.csv", b"".join(lines[: len(lines) // 3]))


@pytest.fixture
def only_marketing(lake: Warehouse, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty database beside, and nothing in the lake but two whole days and one of a third of the customers."""
    monkeypatch.setattr(rebuilding, "PARTS", ())
    for upload in uploads(seed=1, days=2):
        aws.s3().put_object(Bucket=BUCKET, Key=upload.key, Body=upload.body)
    shrink(THIRD)
    return made(lake)


def days_of(warehouse: Warehouse, database: str) -> set[date]:
    asked = f"SELECT DISTINCT run_date FROM {database}.MONITORING.RUN_DATASETS WHERE status = 'published'"
    return {day for (day,) in warehouse.rows(asked)}


def test_a_snapshot_that_was_cut_off_is_left_out_until_its_drop_is_accepted(
    lake: Warehouse, only_marketing: str
) -> None:
    shrink(FOURTH)
    with pytest.raises(
        BusinessError, match=f"(?s)marketing {THIRD}, left out: .*--accept-drop {THIRD}"
    ) as refused:
        rebuilt(lake, only_marketing)
    _, first, second = str(refused.value).split("\n- marketing ")
    assert first.endswith(f"--accept-drop {THIRD}.")
    assert second.startswith(f"{FOURTH}, left out")
    assert second.endswith("because an earlier day was: begin with the first.")
    assert on_record(lake, only_marketing) == ("FAILED", str(refused.value))
    assert days_of(lake, only_marketing) == {FIRST_DAY, SECOND}
    rebuilt(lake, only_marketing, THIRD)
    assert days_of(lake, only_marketing) == {FIRST_DAY, SECOND, THIRD, FOURTH}
    assert on_record(lake, only_marketing) == ("COMPLETED", None)


def test_an_accepted_day_that_nobody_delivered_is_refused_first(lake: Warehouse, only_marketing: str) -> None:
    with pytest.raises(BusinessError, match="--accept-drop 2031-01-01: nothing of marketing was delivered"):
        rebuilt(lake, only_marketing, date(2031, 1, 1))
    assert lake.rows(f"SELECT 1 FROM {only_marketing}.MONITORING.PIPELINE_RUNS") == []


def test_a_fault_of_the_pipeline_ends_the_rebuild(
    lake: Warehouse, only_marketing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a row that the merge has lost would be. No --accept-drop helps."""
    real = marketing_loading._after
    broken = Finding(DEMOGRAPHICS.table, FIRST_DAY, "unique", 1, 0, passed=False)
    monkeypatch.setattr(marketing_loading, "_after", lambda *given: [*real(*given), broken])
    with pytest.raises(CriticalCheck, match="it is a fault of the pipeline"):
        rebuilt(lake, only_marketing)
    assert days_of(lake, only_marketing) == set()
    assert on_record(lake, only_marketing)[0] == "FAILED"


def test_another_run_that_began_meanwhile_is_told_at_the_end(
    lake: Warehouse, only_marketing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(connection: SnowflakeConnection) -> Iterator[str]:
        began = RunRecord("r7", "cpg-daily", None, {}, "RUNNING", started_at=datetime.now(UTC))
        monitoring.record_run(connection, began)
        yield "something"

    monkeypatch.setattr(rebuilding, "PARTS", (meanwhile,))
    with pytest.raises(BusinessError, match=r"MONITORING\.PIPELINE_RUNS names r7") as refused:
        rebuilt(lake, only_marketing)
    assert f"\n- marketing {THIRD}, left out" in str(refused.value)
    asked = f"SELECT status, message FROM {only_marketing}.MONITORING.PIPELINE_RUNS WHERE run_id = 'warehouse-rebuild'"
    assert lake.rows(asked) == [("FAILED", str(refused.value))]


def test_a_rebuild_that_a_person_stops_is_on_record_as_failed(
    lake: Warehouse, only_marketing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(_: SnowflakeConnection) -> Iterator[str]:
        yield "something"
        raise KeyboardInterrupt

    monkeypatch.setattr(rebuilding, "PARTS", (stopped,))
    with pytest.raises(KeyboardInterrupt):
        rebuilt(lake, only_marketing)
    assert on_record(lake, only_marketing) == ("FAILED", "KeyboardInterrupt")


def test_a_forecast_that_lacks_a_file_is_left_out(
    lake: Warehouse, only_marketing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "PARTS", (rebuilding._forecasts,))
    forecast(lake)
    ((_, accepted),), _ = predictions.accepted_so_far()
    aws.s3().delete_object(Bucket=BUCKET, Key=aws.split(accepted.files[0])[1])
    with pytest.raises(
        BusinessError, match=r"forecast of model .*, left out, no longer in the lake"
    ) as refused:
        rebuilt(lake, only_marketing, THIRD)
    assert str(refused.value).endswith(accepted.files[0])
    assert days_of(lake, only_marketing) == {FIRST_DAY, SECOND, THIRD}


def test_a_broken_file_and_a_broken_note_leave_out_no_other_forecast(
    lake: Warehouse, only_marketing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "PARTS", (rebuilding._forecasts,))
    forecast(lake)
    ((_, accepted),), _ = predictions.accepted_so_far()
    (note,) = objects.listed(f"s3://{BUCKET}/{predictions.ACCEPTED}/")
    whole = objects.read(note.address)
    truncated, other = (
        f"s3://{BUCKET}/{predictions.ACCEPTED}/{name}.json" for name in ("truncated", "other")
    )
    objects.write(truncated, whole[:40])
    body = objects.read(accepted.files[0])
    beside = f"{accepted.files[0].rpartition('/')[0]}/other.parquet"
    objects.write(beside, body)
    objects.write(other, whole.replace(accepted.files[0].encode(), beside.encode()))
    objects.write(accepted.files[0], b"x")
    with pytest.raises(BusinessError) as refused:
        rebuilt(lake, only_marketing, THIRD)
    of_note, of_file = str(refused.value).splitlines()[1:]
    assert of_note.startswith(f"- a forecast, left out: {truncated} is no note of a forecast")
    assert of_file.endswith(
        f"left out, no Parquet: restore their first versions and run again: {accepted.files[0]}"
    )
    assert lake.one(f"SELECT COUNT(*) FROM {only_marketing}.{prediction_statements.TABLE}") == accepted.rows
    objects.write(accepted.files[0], body)
    objects.delete(BUCKET, [truncated.partition(f"{BUCKET}/")[2]])
    rebuilt(lake, only_marketing, THIRD)
    assert on_record(lake, only_marketing) == ("COMPLETED", None)


def test_a_forecast_that_the_warehouse_cannot_take_ends_the_rebuild(
    lake: Warehouse, only_marketing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "PARTS", (rebuilding._forecasts,))
    forecast(lake)
    table = f"{only_marketing}.{prediction_statements.TABLE}"
    lake.rows(f"ALTER TABLE {table} RENAME TO {table}_AWAY")
    try:
        with pytest.raises(SystemFault, match="DEMAND_FORECAST_PREDICTIONS"):
            rebuilt(lake, only_marketing, THIRD)
    finally:
        lake.rows(f"ALTER TABLE {table}_AWAY RENAME TO {table}")
    assert days_of(lake, only_marketing) == set()


def test_what_fails_in_the_merge_of_a_forecast_ends_the_rebuild(
    lake: Warehouse, only_marketing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the rollback fails too, the session cannot be used again."""

    def around(sql: str, send: Callable[[], Any]) -> Any:
        if sql.startswith("MERGE INTO ML_OUTPUTS."):
            raise IntegrityError(msg="a NULL", errno=100072)
        return send()

    monkeypatch.setattr(rebuilding, "PARTS", (rebuilding._forecasts,))
    forecast(lake)
    with connected(lake, only_marketing) as connection:
        around_statements(connection, around)
        with pytest.raises(DataError, match="a NULL"):
            rebuilding.rebuild(connection, lambda _: None)
    assert on_record(lake, only_marketing)[0] == "FAILED"


@pytest.fixture
def only_inbox(lake: Warehouse, only_marketing: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The days of marketing, and a part before them: the inbox."""
    monkeypatch.setattr(rebuilding, "PARTS", (rebuilding._inbox,))
    take_in(lake, monkeypatch)
    return only_marketing


def test_files_that_are_overwritten_or_go_while_they_are_read_are_left_out(
    lake: Warehouse, only_inbox: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = "history/sales/year=2025/month=01"
    changed, gone = f"{folder}/day=13/b/sales_20250113.csv", f"{folder}/day=12/sales_20250112_copy.csv"
    aws.s3().put_object(Bucket=INBOX, Key=changed, Body=b"x")
    real = reading.read

    def read(*given: Any) -> Any:
        aws.s3().delete_object(Bucket=INBOX, Key=gone)
        return real(*given)

    monkeypatch.setattr(reading, "read", read)
    with pytest.raises(BusinessError) as refused:
        rebuilt(lake, only_inbox, THIRD)
    of_gone, of_changed = str(refused.value).splitlines()[1:]
    assert of_gone == f"- retail inbox, left out, no longer in history/: restore them and run again: {gone}"
    assert of_changed.startswith("- retail inbox, left out, overwritten in history/: restore the version")
    assert changed in of_changed
    asked = f"SELECT source_file FROM {only_inbox}.MONITORING.INBOX_FILES ORDER BY received_at"
    assert {name for (name,) in lake.rows(asked)} == {"inbox/sales_20250111.csv", "inbox/stores_20250110.csv"}
    assert days_of(lake, only_inbox) == {FIRST_DAY, SECOND, THIRD}


def test_a_list_of_arrivals_that_cannot_be_read_is_left_out(lake: Warehouse, only_inbox: str) -> None:
    (whole,) = objects.listed(f"s3://{INBOX}/history/arrivals/")
    body = objects.read(whole.address)
    one, *others = json.loads(body)
    objects.write(whole.address, json.dumps(others).encode())
    other = f"s3://{INBOX}/history/arrivals/other.json"
    objects.write(other, json.dumps([one]).encode()[:-2])
    with pytest.raises(BusinessError) as refused:
        rebuilt(lake, only_inbox, THIRD)
    of_list, of_file = str(refused.value).splitlines()[1:]
    assert f"run again after that: {other} is no list of arrivals" in of_list
    assert of_file.endswith(f"restore the lists: {one['history_file']}")
    objects.write(other, json.dumps([one]).encode())
    rebuilt(lake, only_inbox, THIRD)
    assert on_record(lake, only_inbox) == ("COMPLETED", None)


def test_arrivals_that_an_earlier_release_did_not_note_are_noted_from_the_warehouse(
    lake: Warehouse, only_inbox: str
) -> None:
    noted = arrivals.recorded()
    for file in list(objects.listed(f"s3://{INBOX}/history/arrivals/")):
        aws.s3().delete_object(Bucket=INBOX, Key=file.key)
    assert arrivals.recorded() == []
    assert earlier_moves.note(lake.connection) == Noted(6, [], [])
    assert arrivals.recorded() == noted
    assert earlier_moves.note(lake.connection) == Noted(0, [], [])
    assert arrivals.recorded() == noted


NAME = "inbox/sales_20250111.csv"


@pytest.fixture
def overwritten(lake: Warehouse, monkeypatch: pytest.MonkeyPatch) -> str:
    """Contents A, B, A of one name as an earlier release left them: both moved to one place, and no note."""
    take_in(lake, monkeypatch)
    first, second = sorted({each.history_file for each in arrivals.recorded() if each.source_file == NAME})
    b = objects.read(f"s3://{INBOX}/{second}")
    objects.delete(INBOX, [second])
    objects.write(f"s3://{INBOX}/{first}", b)
    lake.rows(f"UPDATE MONITORING.INBOX_FILES SET history_file = '{first}' WHERE source_file = '{NAME}'")
    objects.delete(INBOX, [file.key for file in objects.listed(f"s3://{INBOX}/history/arrivals/")])
    return first


def hidden(warehouse: Warehouse, place: str) -> list[str]:
    """The versions whose content lay at this place and does not now: which, goes by ids where all came in one second."""
    asked = f"SELECT version_id, file_hash FROM MONITORING.INBOX_FILES WHERE source_file = '{NAME}'"
    found = [version for version, file_hash in warehouse.rows(asked) if file_hash != sha256_of(place)]
    assert found
    return found


def test_content_that_an_earlier_release_overwrote_is_put_back(lake: Warehouse, overwritten: str) -> None:
    expected = set(hidden(lake, overwritten))
    noted = earlier_moves.note(lake.connection)
    assert (noted.files, noted.lost) == (6, [])
    (put_back,) = {file.history_file for file in noted.put_back}
    assert {file.version_id for file in noted.put_back} == expected
    assert put_back == f"{overwritten}.{noted.put_back[0].file_hash[:8]}"
    found = arrivals.recorded()
    places = sorted(each.history_file for each in found if each.source_file == NAME)
    assert set(places) == {overwritten, put_back}
    for each in found:
        assert sha256_of(each.history_file) == each.file_hash
    asked = f"SELECT history_file FROM MONITORING.INBOX_FILES WHERE source_file = '{NAME}'"
    assert sorted(place for (place,) in lake.rows(asked)) == places
    assert earlier_moves.note(lake.connection) == Noted(0, [], [])


def test_content_of_which_no_version_is_left_is_said_to_be_lost(
    lake: Warehouse, overwritten: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    current = aws.s3().head_object(Bucket=INBOX, Key=overwritten)["VersionId"]
    for each in aws.s3().list_object_versions(Bucket=INBOX, Prefix=overwritten)["Versions"]:
        if each["VersionId"] != current:
            aws.s3().delete_object(Bucket=INBOX, Key=each["Key"], VersionId=each["VersionId"])
    monkeypatch.setattr(recovery, "connect", lambda *_, **__: nullcontext(lake.connection))
    assert recovery.main(["note-arrivals"]) == 0
    noted, *lost = capsys.readouterr().out.splitlines()
    assert noted == "6 files of history/ are noted in history/arrivals/, which had no note of them"
    assert len(lost) == len(hidden(lake, overwritten))
    for line in lost:
        assert line.startswith(
            f"{overwritten} was overwritten by another file and no version of it is left: ask"
        )


def test_what_cannot_be_read_is_said_before_anything_is_loaded(
    lake: Warehouse, only_marketing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = settings().model_copy(update={"inbox_bucket": "nowhere", "hash_secret": "nothing"})
    monkeypatch.setattr(rebuild_sources, "settings", lambda: nowhere)
    with pytest.raises(SystemFault) as refused:
        rebuilt(lake, only_marketing)
    assert "\n- HIGHWATER_INBOX_BUCKET: listing s3://nowhere/history/: NoSuchBucket" in str(refused.value)
    assert "\n- HIGHWATER_HASH_SECRET: reading the key for hashes" in str(refused.value)
    assert "HIGHWATER_LAKE_BUCKET:" not in str(refused.value)
    assert lake.rows(f"SELECT 1 FROM {only_marketing}.MONITORING.PIPELINE_RUNS") == []
