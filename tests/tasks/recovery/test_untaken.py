"""Of the copy of a lost region's inbox, what history/ has no arrival of comes into ours, in order, and nothing else."""

from __future__ import annotations

import json
import time

import pytest

from tasks.errors import SystemFault
from tasks.inbox.waiting import waiting
from tasks.recovery import __main__ as recovery
from tasks.recovery import untaken
from tasks.services import aws

COPY = "cdk-highwater-inbox-copy"


@pytest.fixture
def copy(account: None) -> str:
    for bucket in ("highwater-inbox", COPY):
        aws.s3().create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})
        aws.s3().put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return COPY


def copied(key: str, body: bytes) -> str:
    return aws.s3().put_object(Bucket=COPY, Key=key, Body=body)["VersionId"]


def noted(key: str, version: str, place: str) -> None:
    arrived = {
        "source_file": key, "version_id": version, "received_at": "2025-01-11T08:00:00+00:00", "file_hash": "0",
        "history_file": place,
    }  # fmt: skip
    note = f"history/arrivals/{version}-{place.replace('/', '-')}.json"
    aws.s3().put_object(Bucket="highwater-inbox", Key=note, Body=json.dumps([arrived]).encode())


def taken(key: str, version: str, content: bytes) -> None:
    noted(key, version, f"history/{key}")
    aws.s3().put_object(Bucket="highwater-inbox", Key=f"history/{key}", Body=content)


def body(key: str, version: str) -> bytes:
    return aws.s3().get_object(Bucket="highwater-inbox", Key=key, VersionId=version)["Body"].read()


def await_the_next_second() -> None:
    time.sleep(1.05 - time.time() % 1)


def test_what_came_within_a_second_waits_in_its_order(copy: str) -> None:
    for content in (b"A", b"B", b"C"):
        copied("inbox/sales.csv", content)
    await_the_next_second()
    for key, content in (
        ("inbox/acme.csv", b"D"),
        ("inbox/sales.csv", b"E"),
        ("inbox/sales.csv", b"F"),
        ("inbox/stores.csv", b"G"),
    ):
        copied(key, content)
    untaken.bring(copy)
    assert [body(each.key, each.version_id) for each in waiting()] == [
        b"A",
        b"B",
        b"C",
        b"D",
        b"E",
        b"F",
        b"G",
    ]


def test_only_files_that_the_copy_has_not_forgotten_are_brought(copy: str) -> None:
    """An older version of a file that is still there is a file as well."""
    copied("inbox/acme/sales.csv", b"A")
    copied("inbox/acme/sales.csv", b"B")
    copied("inbox/acme/sales.csv.error.json", b"{}")
    copied("inbox/acme/", b"")
    copied("inbox/refused.csv", b"C")
    aws.s3().delete_object(Bucket=COPY, Key="inbox/refused.csv")
    untaken.bring(copy)
    held = aws.s3().list_object_versions(Bucket="highwater-inbox")["Versions"]
    assert [each["Key"] for each in held] == ["inbox/acme/sales.csv"] * 2


def test_each_version_without_an_arrival_is_brought(copy: str, capsys: pytest.CaptureFixture[str]) -> None:
    key, other = "inbox/acme/sales 1.csv", "inbox/stores.csv"
    taken(key, copied(key, b"A"), b"A")
    copied(key, b"B")
    copied(key, b"C")
    taken(other, copied(other, b"D"), b"D")
    copied("history/x.csv", b"E")
    assert recovery.main(["bring-untaken", copy]) == 0
    *told, brought, withdrawn = capsys.readouterr().out.splitlines()
    assert [line.partition(", which came at 20")[0] for line in told] == [key, key]
    assert [line.rpartition(", is version ")[2] for line in told] == [each.version_id for each in waiting()]
    assert brought == "2 files are in inbox/ again, in the order in which they came."
    assert withdrawn.startswith("The copy knows of no deletions: delete from inbox/ the versions")
    assert [body(key, each.version_id) for each in waiting()] == [b"B", b"C"]
    assert aws.s3().get_object(Bucket="highwater-inbox", Key=key)["Body"].read() == b"C"


def test_content_that_was_not_copied_with_its_note_is_put_back_into_history(
    copy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In inbox/ it would arrive after B, which came later and was taken."""
    key, other = "inbox/sales.csv", "inbox/stores.csv"
    lacking = copied(key, b"A")
    noted(key, lacking, "history/sales.csv")
    taken(key, copied(key, b"B"), b"B")
    twice = copied(other, b"C")
    noted(other, twice, "history/stores.csv.of-a-first-move")
    taken(other, twice, b"C")
    assert recovery.main(["bring-untaken", copy]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[:2] == [
        "history/sales.csv has its content again",
        "0 files are in inbox/ again, in the order in which they came.",
    ]
    assert aws.s3().get_object(Bucket="highwater-inbox", Key="history/sales.csv")["Body"].read() == b"A"
    assert waiting() == []
    assert untaken.bring(copy) == untaken.Brought([], [])


def test_a_withdrawn_version_can_be_deleted_and_the_corrected_one_stays(copy: str) -> None:
    key = "inbox/sales.csv"
    for content in (b"withdrawn", b"corrected"):
        copied(key, content)
    first, second = untaken.bring(copy).waiting
    aws.s3().delete_object(Bucket="highwater-inbox", Key=key, VersionId=first.version_id)
    assert [each.version_id for each in waiting()] == [second.version_id]
    assert body(key, second.version_id) == b"corrected"


def test_a_copy_that_is_not_there_is_named(copy: str) -> None:
    with pytest.raises(SystemFault, match="listing the versions of s3://nowhere/inbox/: NoSuchBucket"):
        untaken.bring("nowhere")
