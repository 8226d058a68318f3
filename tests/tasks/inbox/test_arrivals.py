"""What a move writes down of the files: enough to load them once more in the order of their arrival."""

from __future__ import annotations

import hashlib
import sys
import threading
from contextlib import nullcontext, suppress
from datetime import UTC, date, datetime, timedelta

import pytest

from tasks.errors import DataError
from tasks.inbox import arrivals, inbox_steps, moving
from tasks.inbox.waiting import waiting
from tasks.runs.run import Run
from tasks.services import aws
from warehouse.load.retail.files import InboxFile

DAY = date(2025, 1, 11)
KEY = "inbox/acme/sales_20250111.csv"
FIRST = datetime(2025, 1, 11, 8, 0, 0, 250_000, tzinfo=UTC)
HISTORY = "history/sales/year=2025/month=01/day=11/acme/sales_20250111.csv"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    run = Run("retail-inbox", DAY, DAY)
    monkeypatch.setattr(run, "session", lambda _: nullcontext())
    monkeypatch.setattr(inbox_steps, "execute", lambda *_: None)
    return run


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def loaded(body: bytes, seconds: int) -> InboxFile:
    version = aws.s3().put_object(Bucket="highwater-inbox", Key=KEY, Body=body)["VersionId"]
    arrived = FIRST + timedelta(seconds=seconds)
    return InboxFile(
        KEY, version, arrived, "loaded", "run 1", f"load {version}",
        file_hash=sha256(body), kind="sales", batch_date=DAY,
    )  # fmt: skip


def body_of(key: str) -> bytes:
    return aws.s3().get_object(Bucket="highwater-inbox", Key=key)["Body"].read()


def test_a_name_whose_first_content_came_back_has_two_files_and_three_arrivals(inbox: str, run: Run) -> None:
    files = [loaded(b"A", 0), loaded(b"B", 1), loaded(b"A", 2)]
    assert inbox_steps.move.fn(run, [], files[::-1]) == []
    found = arrivals.recorded()
    assert [(each.version_id, each.received_at) for each in found] == [
        (file.version_id, file.received_at) for file in files
    ]
    assert [body_of(each.history_file) for each in found] == [b"A", b"B", b"A"]
    assert [each.file_hash for each in found] == [sha256(b"A"), sha256(b"B"), sha256(b"A")]
    assert waiting() == []


def test_a_move_that_is_repeated_says_nothing_twice(inbox: str, run: Run) -> None:
    file = loaded(b"A", 0)
    for _ in range(2):
        assert inbox_steps.move.fn(run, [], [file]) == []
    assert len(arrivals.recorded()) == 1
    listed = aws.s3().list_objects_v2(Bucket=inbox, Prefix="history/arrivals/")
    assert listed["KeyCount"] == 1


def test_two_contents_of_one_name_that_are_moved_together_both_stay(
    inbox: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Side by side, each would look for the key of the other before either has taken it."""
    asked = moving._checksum
    together = threading.Barrier(2, timeout=1)

    def slow(key: str) -> str | None:
        found = asked(key)
        if key == HISTORY:
            with suppress(threading.BrokenBarrierError):
                together.wait()
        return found

    monkeypatch.setattr(moving, "_checksum", slow)
    assert inbox_steps.move.fn(run, [], [loaded(b"A", 0), loaded(b"B", 1)]) == []
    assert [body_of(each.history_file) for each in arrivals.recorded()] == [b"A", b"B"]


def test_each_place_to_which_a_version_was_moved_is_known(
    inbox: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first move dies after its note, and what it had copied makes room for another file."""
    file = loaded(b"A", 0)
    with monkeypatch.context() as dying:
        dying.setattr(inbox_steps, "execute", lambda *_: sys.exit("killed"))
        with pytest.raises(SystemExit):
            inbox_steps.move.fn(run, [], [file])
    aws.s3().put_object(Bucket=inbox, Key=HISTORY, Body=b"B", ChecksumAlgorithm="SHA256")
    assert inbox_steps.move.fn(run, [], [file]) == []
    places = [each.history_file for each in arrivals.recorded()]
    assert places == [HISTORY, f"{HISTORY}.{sha256(b'A')[:8]}"]
    assert [body_of(place) for place in places] == [b"B", b"A"]


@pytest.mark.parametrize("said", [b'[{"source_file": "a"}]', b"[{", b"1", b"\xff"])
def test_a_list_that_cannot_be_read_is_named(inbox: str, run: Run, said: bytes) -> None:
    assert inbox_steps.move.fn(run, [], [loaded(b"A", 0)]) == []
    whole = arrivals.recorded()
    aws.s3().put_object(Bucket=inbox, Key="history/arrivals/x.json", Body=said)
    with pytest.raises(
        DataError, match=r"history/arrivals/x\.json is no list of arrivals .*: restore its first"
    ):
        arrivals.recorded()
    found, (broken,) = arrivals.readable()
    assert found == whole
    assert "history/arrivals/x.json" in str(broken)
