"""MONITORING.INBOX_FILES: one row per object version, from its wait to its end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from tasks.errors import SystemFault
from tasks.services.snowflake import execute, rows
from tests.warehouse.retail.inbox import Inbox
from warehouse.load.retail.files import InboxFile, known_file, known_files, record_files
from warehouse.statement import Statement

pytestmark = pytest.mark.e2e  # needs the local Snowflake

MOMENT = datetime(2025, 1, 11, 10, 0, 0, 250_000, tzinfo=UTC)
WAITING = InboxFile("inbox/Märkt's \\ sales.csv", "v1", MOMENT, "waiting", "run-1", "l1")
REFUSED = replace(WAITING, status="refused", run_id="run-2", message='"%s": no', finished_at=MOMENT)
LOADED = replace(
    WAITING,
    status="loaded",
    run_id="run-3",
    file_hash="f1",
    content_hash="c1",
    kind="sales",
    batch_date=date(2025, 1, 11),
    encoding="utf-8",
    delimiter="\t",
    header_lines=1,
    blank_lines=0,
    records=10,
    rows_loaded=8,
    rows_quarantined=1,
    contract_version="1.0.0",
    finished_at=MOMENT,
)


def record(inbox: Inbox, *files: InboxFile) -> None:
    execute(inbox.warehouse.connection, record_files(files))


def known(inbox: Inbox, names: list[str], hashes: list[str]) -> list[InboxFile]:
    found = rows(inbox.warehouse.connection, known_files(names, hashes))
    return sorted(map(known_file, found), key=lambda file: (file.source_file, file.version_id))


def test_a_file_from_its_wait_to_its_place_in_history(inbox: Inbox) -> None:
    moved = replace(LOADED, history_file="history/sales/year=2025/sales.csv")
    for given, wanted in (
        ((WAITING,), WAITING),
        ((WAITING, REFUSED), REFUSED),
        ((WAITING,), REFUSED),
        ((LOADED,), LOADED),
        ((moved,), moved),
        ((moved,), moved),
        ((LOADED,), moved),
        ((WAITING,), moved),
    ):
        record(inbox, *given)
        assert known(inbox, [WAITING.source_file], []) == [wanted]


def test_files_are_known_by_name_or_by_content(inbox: Inbox) -> None:
    by_name = replace(LOADED, version_id="v2", content_hash="c2")
    by_content = replace(LOADED, source_file="inbox/b.csv")
    neither = replace(LOADED, source_file="inbox/c.csv", content_hash=None)
    record(inbox, LOADED, by_name, by_content, neither)
    assert known(inbox, [LOADED.source_file], ["c1"]) == [LOADED, by_name, by_content]
    assert known(inbox, [], ["c1"]) == [LOADED, by_content]
    assert known(inbox, [], []) == []


def test_moments_are_stored_in_utc_and_never_naive(inbox: Inbox) -> None:
    kolkata = timezone(timedelta(hours=5, minutes=30))
    record(inbox, replace(WAITING, received_at=MOMENT.astimezone(kolkata)))
    assert known(inbox, [WAITING.source_file], []) == [WAITING]
    with pytest.raises(ValueError, match="no time zone"):
        record_files([replace(WAITING, received_at=MOMENT.replace(tzinfo=None))])


def test_rows_that_cannot_be_read_name_their_step(inbox: Inbox) -> None:
    with pytest.raises(SystemFault, match="reading what is not there in Snowflake"):
        rows(inbox.warehouse.connection, Statement("reading what is not there", "SELECT * FROM RAW.NOTHING"))
