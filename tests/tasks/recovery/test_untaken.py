"""Of the copy of a lost region's inbox, what history/ has no arrival of comes into ours, in order, and nothing else."""

from __future__ import annotations

import json

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


def taken(key: str, version: str) -> None:
    arrived = {
        "source_file": key, "version_id": version, "received_at": "2025-01-11T08:00:00+00:00", "file_hash": "0",
        "history_file": f"history/{key}",
    }  # fmt: skip
    note = f"history/arrivals/{version}.json"
    aws.s3().put_object(Bucket="highwater-inbox", Key=note, Body=json.dumps([arrived]).encode())


def body(key: str, version: str) -> bytes:
    return aws.s3().get_object(Bucket="highwater-inbox", Key=key, VersionId=version)["Body"].read()


def test_each_version_without_an_arrival_is_brought(copy: str, capsys: pytest.CaptureFixture[str]) -> None:
    key, other = "inbox/acme/sales 1.csv", "inbox/stores.csv"
    taken(key, copied(key, b"A"))
    copied(key, b"B")
    copied(key, b"C")
    taken(other, copied(other, b"D"))
    copied("history/x.csv", b"E")
    assert recovery.main(["bring-untaken", copy]) == 0
    assert capsys.readouterr().out == (
        f"{key}\n{key}\n2 files are in inbox/ again, in the order in which they came\n"
    )
    brought = [each.version_id for each in waiting()]
    assert {body(key, version) for version in brought} == {b"B", b"C"}
    assert len(brought) == 2
    assert aws.s3().get_object(Bucket="highwater-inbox", Key=key)["Body"].read() == b"C"


def test_a_copy_that_is_not_there_is_named(copy: str) -> None:
    with pytest.raises(SystemFault, match="listing the versions of s3://nowhere/inbox/: NoSuchBucket"):
        untaken.bring("nowhere")
