"""What people are told of the inbox: of files that waited, of refused ones, and of each once."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tasks.errors import TransientError
from tasks.inbox import inbox_steps, moving
from tasks.inbox.judging import Judged
from tasks.inbox.waiting import Version
from tasks.runs import alerts
from tasks.runs.run import Run
from warehouse.load.retail.files import COLUMNS

KEY = "inbox/sales_20250111.csv"
LONG_AGO = datetime.now(UTC) - timedelta(days=1)
DAY = date(2025, 1, 11)


@pytest.fixture
def run() -> Run:
    return Run("retail-inbox", DAY, DAY)


@pytest.fixture
def told(account: None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Severity and message of each alert."""
    sent: list[str] = []
    monkeypatch.setattr(
        alerts, "send", lambda severity, message, *_: sent.append(f"{severity} {message}"), raising=True
    )
    monkeypatch.setattr(moving, "write_sidecar", lambda *_: None)
    return sent


def version(key: str = KEY, version_id: str = "v1", received_at: datetime = LONG_AGO) -> Version:
    return Version(key, version_id, received_at, 10)


def sort(run: Run, monkeypatch: pytest.MonkeyPatch, status: str | None, waits: Version) -> None:
    """Sort a file that somebody names, and that has this status in its record, or no record."""
    known = dict.fromkeys(COLUMNS) | {"source_file": waits.key, "version_id": waits.version_id}
    known |= {"received_at": waits.received_at, "load_id": waits.load_id, "status": status}
    records = [tuple(known.values())] if status else []
    monkeypatch.setattr(run, "session", lambda step: nullcontext())
    monkeypatch.setattr(inbox_steps, "rows", lambda *_: records)
    monkeypatch.setattr(inbox_steps, "execute", lambda *_: None)
    assert inbox_steps.sort.fn(run, [waits], True).to_read == [waits]


@pytest.mark.parametrize(
    ("status", "received_at", "warned"),
    [
        (None, LONG_AGO, True),
        ("waiting", LONG_AGO, True),
        ("refused", LONG_AGO, False),
        (None, datetime.now(UTC), False),
    ],
)
def test_people_are_warned_of_a_long_wait_but_not_of_a_refused_file_that_is_tried_again(
    run: Run,
    told: list[str],
    monkeypatch: pytest.MonkeyPatch,
    status: str | None,
    received_at: datetime,
    warned: bool,
) -> None:
    sort(run, monkeypatch, status, version(received_at=received_at))
    assert [each.split(" until")[0] for each in told] == (
        ["WARNING 1 files of the inbox have waited for more than an hour"] if warned else []
    )


def refused(file_hash: str, version_id: str = "v1", key: str = KEY) -> Judged:
    return Judged(version(key, version_id), None, file_hash, refusal=f"{key}: it is bad ({version_id})")


def test_people_are_told_of_a_refused_content_once(run: Run, told: list[str]) -> None:
    other = "inbox/sales_20250112.csv"
    for files in (
        [refused("aa")],
        [refused("aa", "v2")],
        [refused("bb", "v3"), refused("aa", "v4")],
        [refused("aa", "v5", other)],
        [refused("aa", "v6"), refused("bb", "v7")],
    ):
        inbox_steps.refuse.fn(run, files)
    head = "HIGH 1 files of the inbox were refused; nothing of them was loaded:\n- "
    assert told == [
        f"{head}{KEY}: it is bad (v1)",
        f"{head}{KEY}: it is bad (v3)",
        f"{head}{other}: it is bad (v5)",
    ]


def test_a_file_that_was_not_read_is_told_by_its_version(run: Run, told: list[str]) -> None:
    for version_id in ("v1", "v1", "v2"):
        inbox_steps.refuse.fn(run, [refused("", version_id)])
    assert [each[-4:] for each in told] == ["(v1)", "(v2)"]


def test_the_sidecar_is_written_each_time(run: Run, told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Any] = []
    monkeypatch.setattr(moving, "write_sidecar", lambda file, _: written.append(file.version.version_id))
    for version_id in ("v1", "v2"):
        inbox_steps.refuse.fn(run, [refused("aa", version_id)])
    assert (written, len(told)) == (["v1", "v2"], 1)


def test_what_could_not_be_told_is_told_the_next_time(
    run: Run, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: Any) -> None:
        raise TransientError("SNS does not answer")

    with monkeypatch.context() as patched:
        patched.setattr(alerts, "send", unreachable)
        with pytest.raises(TransientError):
            inbox_steps.refuse.fn(run, [refused("aa"), refused("bb")])
    inbox_steps.refuse.fn(run, [refused("aa", "v2"), refused("bb", "v3")])
    assert len(told) == 1
    assert told[0].startswith("HIGH 2 files")
