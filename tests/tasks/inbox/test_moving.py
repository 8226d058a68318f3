"""Moving a file to history, and the sidecar of a refused one, interrupted and repeated."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from tasks.errors import SystemFault
from tasks.inbox import inbox_steps, moving
from tasks.inbox.file_name import FileName
from tasks.inbox.judging import Judged
from tasks.inbox.waiting import Version, waiting
from tasks.services import aws
from warehouse.load.retail.files import InboxFile

NAME = FileName("sales", date(2025, 1, 11))
KEY = "inbox/acme/sales_20250111.csv"
HISTORY = "history/sales/year=2025/month=01/day=11/acme/sales_20250111.csv"


def put(body: bytes, key: str = KEY) -> Version:
    version_id = aws.s3().put_object(Bucket="highwater-inbox", Key=key, Body=body)["VersionId"]
    return Version(key, version_id, datetime(2025, 1, 11, tzinfo=UTC), len(body))


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def moved(version: Version, name: FileName, file_hash: str) -> str:
    key = moving.copy_to_history(version, name, file_hash)
    moving.delete_read(version)
    return key


def body_of(key: str) -> bytes:
    return aws.s3().get_object(Bucket="highwater-inbox", Key=key)["Body"].read()


def test_the_version_that_was_read_goes_and_the_one_that_replaced_it_stays(inbox: str) -> None:
    read, newer = put(b"one"), put(b"two")
    assert moved(read, NAME, sha256(b"one")) == HISTORY
    assert body_of(HISTORY) == b"one"
    assert [version.version_id for version in waiting()] == [newer.version_id]


def test_a_move_that_was_interrupted_anywhere_is_completed(inbox: str) -> None:
    read = put(b"one")
    moving.copy_to_history(read, NAME, sha256(b"one"))  # died before the deletion
    assert moved(read, NAME, sha256(b"one")) == HISTORY
    assert moved(read, NAME, sha256(b"one")) == HISTORY  # died after it
    copies = aws.s3().list_object_versions(Bucket=inbox, Prefix="history/")["Versions"]
    assert len(copies) == 1
    assert waiting() == []


def test_the_copy_keeps_type_metadata_and_tags(inbox: str) -> None:
    about = {"ContentType": "text/csv", "Metadata": {"sender": "acme"}, "Tagging": "feed=daily"}
    version_id = aws.s3().put_object(Bucket=inbox, Key=KEY, Body=b"one", **about)["VersionId"]
    assert (
        moved(Version(KEY, version_id, datetime(2025, 1, 11, tzinfo=UTC), 3), NAME, sha256(b"one")) == HISTORY
    )
    found = aws.s3().head_object(Bucket=inbox, Key=HISTORY)
    assert (found["ContentType"], found["Metadata"]) == ("text/csv", {"sender": "acme"})
    tags = aws.s3().get_object_tagging(Bucket=inbox, Key=HISTORY)["TagSet"]
    assert tags == [{"Key": "feed", "Value": "daily"}]


def test_other_content_under_the_same_name_gets_a_name_of_its_own(inbox: str) -> None:
    moved(put(b"one"), NAME, sha256(b"one"))
    assert moved(put(b"two"), NAME, sha256(b"two")) == f"{HISTORY}.{sha256(b'two')[:8]}"
    assert moved(put(b"two"), NAME, sha256(b"two")) == f"{HISTORY}.{sha256(b'two')[:8]}"
    assert body_of(HISTORY) == b"one"


def test_a_copy_that_differs_leaves_the_file_where_it_is(inbox: str) -> None:
    read = put(b"one")
    with pytest.raises(SystemFault, match="stays in the inbox; delete the copy"):
        moved(read, NAME, sha256(b"what was loaded"))
    assert waiting() != []


def test_a_version_that_vanished_before_it_was_moved_is_told(inbox: str) -> None:
    read = put(b"one")
    aws.s3().delete_object(Bucket=inbox, Key=KEY, VersionId=read.version_id)
    with pytest.raises(SystemFault, match="was loaded, but its version"):
        moved(read, NAME, sha256(b"one"))


def test_a_sidecar_says_why_and_goes_with_the_mended_file(inbox: str) -> None:
    refused = Judged(
        put(b"bad"),
        NAME,
        found={"encoding": "utf-8", "records": 3},
        reasons={"amount:type": 2},
        examples=[{"line_number": 2, "raw_line": "a,b"}],
        refusal="it is bad",
    )
    moving.write_sidecar(refused, "run 1")
    said = json.loads(body_of(f"{KEY}.error.json"))
    assert (said["reason"], said["reasons"], said["figures"]["records"]) == (
        "it is bad",
        {"amount:type": 2},
        3,
    )
    assert said["first_broken_rows"] == [{"line_number": 2, "raw_line": "a,b"}]
    assert "keys=['inbox/acme/sales_20250111.csv']" in said["how_to_mend"]
    moving.delete_sidecar(refused.version)
    assert not has_sidecar()


def has_sidecar() -> bool:
    try:
        return bool(body_of(f"{KEY}.error.json"))
    except ClientError:
        return False


def refuse(version: Version) -> None:
    moving.write_sidecar(Judged(version, NAME, refusal="it is bad"), "run 1")


MOVED = Version(KEY, "v2", datetime(2025, 1, 11, 8, tzinfo=UTC), 3)


@pytest.mark.parametrize(
    ("refused", "stays"),
    [
        (replace(MOVED, version_id="v1", received_at=MOVED.received_at - timedelta(seconds=1)), False),
        (MOVED, False),
        (replace(MOVED, version_id="v3"), True),
        (replace(MOVED, version_id="v1", received_at=MOVED.received_at + timedelta(seconds=1)), True),
    ],
)
def test_a_sidecar_stays_while_it_is_about_a_later_version(inbox: str, refused: Version, stays: bool) -> None:
    refuse(refused)
    assert moving.delete_sidecar(MOVED) is None
    assert has_sidecar() is stays


@pytest.mark.parametrize(
    "body", [b"no JSON", b"[]", b'{"version_id": "v9"}', b'{"version_id": 1, "received_at": 2}', b"\xff"]
)
def test_a_sidecar_that_cannot_be_read_goes(inbox: str, body: bytes) -> None:
    put(body, f"{KEY}.error.json")
    moving.delete_sidecar(MOVED)
    assert not has_sidecar()


def test_a_good_version_that_is_moved_leaves_the_sidecar_of_the_broken_one_that_came_after(
    inbox: str,
) -> None:
    good = put(b"good")
    refuse(replace(good, version_id="later", received_at=good.received_at + timedelta(minutes=1)))
    moved_file = InboxFile(KEY, good.version_id, good.received_at, "loaded", "run 1", good.load_id)
    assert inbox_steps._deleted(moved_file) is None
    assert has_sidecar()
    assert waiting() == []
    refuse(replace(good, received_at=good.received_at - timedelta(minutes=1)))
    assert inbox_steps._deleted(moved_file) is None
    assert not has_sidecar()


def test_no_deletion_is_added_where_there_is_no_sidecar(inbox: str) -> None:
    moving.delete_sidecar(MOVED)
    assert "DeleteMarkers" not in aws.s3().list_object_versions(Bucket=inbox)
