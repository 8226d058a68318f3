"""How a file ended, with its figures: records = header_lines + rows_loaded + rows_quarantined + blank_lines, always."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from contracts.retail import INBOX
from tasks.inbox.judging import Judged
from tasks.inbox.settling import REFUSED
from tasks.inbox.waiting import Version
from warehouse.load.retail.files import WAITING, InboxFile


@dataclass(frozen=True)
class Ended:
    """`figures` are the columns of MONITORING.INBOX_FILES that say what was in the file."""

    version: Version
    status: str
    message: str | None
    judged: Judged
    figures: Mapping[str, Any]

    @property
    def rows_loaded(self) -> int | None:
        return self.figures.get("rows_loaded")

    @property
    def rows_quarantined(self) -> int | None:
        return self.figures.get("rows_quarantined")


def ended(judged: Judged, status: str, message: str | None = None) -> Ended:
    return Ended(judged.version, status, message, judged, figures(judged, status))


def figures(judged: Judged, status: str) -> dict[str, Any]:
    """Of a refused file no row is loaded: all its rows count as quarantined. Without figures it was not read at all."""
    found = judged.found
    if "records" not in found:
        return {}
    told = {name: found[name] for name in ("encoding", "delimiter", "header_lines", "blank_lines", "records")}
    if status == REFUSED:
        lost = found["records"] - found["header_lines"] - found["blank_lines"]
        return told | {"rows_loaded": 0, "rows_quarantined": lost}
    return told | {"rows_loaded": judged.rows_loaded, "rows_quarantined": judged.rows_rejected}


def record_of(end: Ended, run_id: str) -> InboxFile:
    judged, version = end.judged, end.version
    name = judged.name
    return InboxFile(
        source_file=version.key,
        version_id=version.version_id,
        file_hash=judged.file_hash or None,
        content_hash=judged.content_hash or None,
        kind=name.kind if name else None,
        batch_date=name.batch_date if name else None,
        received_at=version.received_at,
        status=end.status,
        message=end.message,
        load_id=version.load_id,
        contract_version=INBOX[name.kind].version if name else None,
        run_id=run_id,
        finished_at=datetime.now(UTC),
        **end.figures,
    )


def waiting_record(version: Version, run_id: str) -> InboxFile:
    return InboxFile(
        source_file=version.key,
        version_id=version.version_id,
        received_at=version.received_at,
        status=WAITING,
        load_id=version.load_id,
        run_id=run_id,
    )
