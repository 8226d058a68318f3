"""A version that somebody deletes after a run has seen it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from tasks.inbox.loading import _withdrawn
from tasks.inbox.reading import read
from tasks.inbox.settling import LOADED, REFUSED
from tasks.inbox.waiting import Version
from tasks.services import aws
from warehouse.load.retail.files import WAITING, InboxFile

KEY = "inbox/stores_20250111.csv"


def deleted() -> Version:
    put = aws.s3().put_object(Bucket="highwater-inbox", Key=KEY, Body=b"G,S1,One\n")
    aws.s3().delete_object(Bucket="highwater-inbox", Key=KEY, VersionId=put["VersionId"])
    return Version(KEY, put["VersionId"], datetime(2025, 1, 11, tzinfo=UTC), 9)


def test_it_ends_refused_without_being_a_refusal_that_people_are_told_of(inbox: str, tmp_path: Path) -> None:
    version = deleted()
    (file,), faults = read([version], tmp_path, 0.05)
    assert (file.is_gone, file.refusal, file.kind, faults) == (True, None, None, [])
    known = InboxFile(KEY, version.version_id, version.received_at, WAITING, "run 1", version.load_id)
    (end,) = _withdrawn([file], [known])
    assert (end.status, end.message, dict(end.figures)) == (
        REFUSED,
        f"{KEY}: this version was deleted before it was read",
        {},
    )


def test_one_that_another_run_has_loaded_and_moved_stays_loaded(inbox: str, tmp_path: Path) -> None:
    version = deleted()
    files, _ = read([version], tmp_path, 0.05)
    known = InboxFile(KEY, version.version_id, version.received_at, LOADED, "run 1", version.load_id)
    assert _withdrawn(files, [known]) == []
    assert _withdrawn(files, []) == []
