"""Which object versions wait in the inbox."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tasks.errors import DataError, SystemFault
from tasks.inbox.waiting import named, waiting
from tasks.services import aws


def put(key: str, body: bytes = b"x") -> str:
    return aws.s3().put_object(Bucket="highwater-inbox", Key=key, Body=body)["VersionId"]


def found(keys: list[str] | None = None) -> set[tuple[str, str]]:
    return {(version.key, version.version_id) for version in waiting(keys)}


def test_every_version_of_a_file_waits_and_nothing_else(inbox: str) -> None:
    first, second = put("inbox/sales_20250111.csv", b"1"), put("inbox/sales_20250111.csv", b"22")
    nested = put("inbox/acme/stores_20250111.csv")
    put("inbox/acme/")
    put("inbox/sales_20250111.csv.error.json")
    put("history/sales/sales_20250110.csv")
    put("other/sales_20250111.csv")
    assert found() == {
        ("inbox/sales_20250111.csv", first),
        ("inbox/sales_20250111.csv", second),
        ("inbox/acme/stores_20250111.csv", nested),
    }
    assert {version.size for version in waiting()} == {1, 2}


def test_named_files_wait_and_no_others(inbox: str) -> None:
    wanted = put("inbox/sales_20250111.csv")
    put("inbox/sales_20250111.csv.gz")
    other = put("inbox/stores_20250111.csv")
    assert found(["inbox/sales_20250111.csv"]) == {("inbox/sales_20250111.csv", wanted)}
    assert found(["inbox/sales_20250111.csv", "inbox/stores_20250111.csv", "inbox/gone.csv"]) == {
        ("inbox/sales_20250111.csv", wanted),
        ("inbox/stores_20250111.csv", other),
    }
    assert found([]) == set()


def test_a_deleted_file_is_withdrawn_and_one_put_after_it_waits(inbox: str) -> None:
    put("inbox/sales_20250111.csv")
    aws.s3().delete_object(Bucket=inbox, Key="inbox/sales_20250111.csv")
    assert found() == set()
    again = put("inbox/sales_20250111.csv")
    assert ("inbox/sales_20250111.csv", again) in found()


def test_a_replica_that_came_after_a_deletion_waits_although_its_time_is_of_before(inbox: str) -> None:
    """S3 gives a replica the time of its source, and a deletion in the copy the copy's own. moto knows of no replicas."""
    key = "inbox/sales_20250111.csv"
    put(key, b"1")
    aws.s3().delete_object(Bucket=inbox, Key=key)
    replica = put(key, b"2")

    def of_the_source(parsed: dict[str, Any], **_: Any) -> None:
        for each in parsed["Versions"]:
            each["LastModified"] -= timedelta(minutes=5)

    answered = "after-call.s3.ListObjectVersions"
    aws.s3().meta.events.register(answered, of_the_source)
    try:
        assert found() == {(key, replica)}
    finally:
        aws.s3().meta.events.unregister(answered, of_the_source)


def test_a_version_that_was_moved_waits_no_more(inbox: str) -> None:
    read, newer = put("inbox/sales_20250111.csv", b"1"), put("inbox/sales_20250111.csv", b"2")
    aws.s3().delete_object(Bucket=inbox, Key="inbox/sales_20250111.csv", VersionId=read)
    assert found() == {("inbox/sales_20250111.csv", newer)}


def test_a_bucket_without_versions_is_refused(inbox: str) -> None:
    aws.s3().put_bucket_versioning(Bucket=inbox, VersioningConfiguration={"Status": "Suspended"})
    with pytest.raises(SystemFault, match=r"keeps no versions.*Enable its versioning"):
        waiting()


def test_keys_are_named_with_or_without_the_folder() -> None:
    assert named(
        ["sales_1.csv", "inbox/sales_1.csv", "acme/b.csv", "inbox/c/", "inbox/d.csv.error.json"]
    ) == [
        "inbox/acme/b.csv",
        "inbox/sales_1.csv",
    ]
    for strange in ("history/sales/a.csv", "s3://highwater-inbox/inbox/a.csv", "/inbox/a.csv"):
        with pytest.raises(DataError, match="is no key of the inbox"):
            named([strange])
