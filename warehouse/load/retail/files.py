"""MONITORING.INBOX_FILES: what became of each object version of the inbox."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from typing import Any

from warehouse.load.merge import merge_text
from warehouse.records import bound_rows, utc
from warehouse.statement import Kind, Statement

TABLE = "MONITORING.INBOX_FILES"
KEY = ("source_file", "version_id")
WAITING = "waiting"


@dataclass(frozen=True)
class InboxFile:
    source_file: str
    version_id: str
    received_at: datetime
    status: str
    run_id: str
    load_id: str
    file_hash: str | None = None
    content_hash: str | None = None
    kind: str | None = None
    batch_date: date | None = None
    encoding: str | None = None
    delimiter: str | None = None
    header_lines: int | None = None
    blank_lines: int | None = None
    records: int | None = None
    rows_loaded: int | None = None
    rows_quarantined: int | None = None
    message: str | None = None
    history_file: str | None = None
    contract_version: str | None = None
    finished_at: datetime | None = None


COLUMNS = tuple(field.name for field in fields(InboxFile))
_TYPES = {
    "batch_date": "DATE",
    "received_at": "TIMESTAMP_NTZ",
    "finished_at": "TIMESTAMP_NTZ",
} | dict.fromkeys(("header_lines", "blank_lines", "records", "rows_loaded", "rows_quarantined"), "BIGINT")


def record_files(files: Iterable[InboxFile]) -> Statement:
    """Record files, one row per object version: of several records, the last one.

    A new record replaces the earlier one whole, so that no message or figure of an earlier try is left beside it; only the
    place in history stays. A file that waits says nothing new about one whose end is known.
    """
    newest = {(file.source_file, file.version_id): file for file in files}
    rows = [{name: _bound(value) for name, value in vars(file).items()} for file in newest.values()]
    text = merge_text(
        TABLE,
        bound_rows({column: _TYPES.get(column, "VARCHAR") for column in COLUMNS}),
        KEY,
        [column for column in COLUMNS if column != "history_file"],
        newer=f"(src.status <> '{WAITING}' OR tgt.status = '{WAITING}')",
        inserted={"history_file": "src.history_file"},
        updated={"history_file": "COALESCE(src.history_file, tgt.history_file)"},
    )
    return Statement("record files of the inbox", text, (json.dumps(rows),), kind=Kind.QUICK)


def known_files(source_files: Collection[str], content_hashes: Collection[str]) -> Statement:
    """Every record of these names or contents. `known_file` makes an InboxFile of each row."""
    text = f"{_known_by('source_file')}\nUNION\n{_known_by('content_hash')}"
    bound = (_one_column("source_file", source_files), _one_column("content_hash", content_hashes))
    return Statement("read what is known of the files", text, bound, kind=Kind.QUICK)


def moved_files() -> Statement:
    """Every record of a file that was moved to history/. `known_file` makes an InboxFile of each row."""
    text = f"SELECT {', '.join(COLUMNS)}\nFROM {TABLE}\nWHERE history_file IS NOT NULL"
    return Statement("read which files were moved to history/", text, kind=Kind.QUICK)


def known_file(row: Sequence[Any]) -> InboxFile:
    values: list[Any] = [value.replace(tzinfo=UTC) if isinstance(value, datetime) else value for value in row]
    return InboxFile(**dict(zip(COLUMNS, values, strict=True)))


def _known_by(column: str) -> str:
    return f"""SELECT {", ".join(f"files.{name}" for name in COLUMNS)}
FROM {TABLE} files
JOIN (
    {bound_rows({column: "VARCHAR"})}
) given ON given.{column} = files.{column}"""


def _one_column(column: str, values: Collection[str]) -> str:
    return json.dumps([{column: value} for value in sorted(set(values))])


def _bound(value: Any) -> Any:
    if isinstance(value, datetime):
        return utc(value).isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date) else value
