"""From which place of history/ a file is loaded again."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from tasks.inbox.arrivals import Arrived
from tasks.recovery.inbox_files import present
from tasks.services import aws

CAME = datetime(2025, 1, 11, 8, tzinfo=UTC)
BUCKET = "highwater-inbox"
FIRST, SECOND = "history/sales/sales.csv", "history/sales/sales.csv.559aead0"


@pytest.fixture
def inbox(account: None) -> None:
    aws.s3().create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})


def moved_to(place: str) -> Arrived:
    return Arrived("inbox/sales.csv", "v1", CAME, hashlib.sha256(b"A").hexdigest(), place)


@pytest.mark.parametrize(("contents", "chosen"), [((b"A", b"B"), 0), ((b"B", b"A"), 1), ((b"B", b"C"), 0)])
@pytest.mark.parametrize("places", [(FIRST, SECOND), (SECOND, FIRST)])
@pytest.mark.parametrize("known", [{"ChecksumAlgorithm": "SHA256"}, {}], ids=["checksum", "no checksum"])
def test_of_several_places_the_first_that_has_the_content_is_read(
    inbox: None, contents: tuple[bytes, bytes], chosen: int, places: tuple[str, str], known: dict[str, str]
) -> None:
    """If none has it, the reading finds out and says so."""
    for place, content in zip(places, contents, strict=True):
        aws.s3().put_object(Bucket=BUCKET, Key=place, Body=content, **known)
    found = present(map(moved_to, places), set(places))
    assert found == {("inbox/sales.csv", "v1"): moved_to(places[chosen])}


def test_a_place_that_is_empty_is_none(inbox: None) -> None:
    assert present([moved_to(FIRST), moved_to(SECOND)], {SECOND}) == {
        ("inbox/sales.csv", "v1"): moved_to(SECOND)
    }
    assert present([moved_to(FIRST)], set()) == {}
