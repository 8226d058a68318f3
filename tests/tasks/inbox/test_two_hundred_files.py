"""200 spoiled files: each ends as its table says, with the figures, the lines of its broken rows and the rows themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tasks.inbox.ending import ended
from tasks.inbox.judging import Judged
from tasks.inbox.reading import read
from tasks.inbox.settling import LOADED, REFUSED
from tasks.inbox.waiting import waiting
from tasks.services import aws
from tests.tasks.inbox.sheets import COLUMNS, REFUSED_ABOVE, Fate, Sheet
from tests.tasks.inbox.two_hundred_files import COUNT, DEFECTS, File, files


@dataclass(frozen=True)
class Outcome:
    """How a file ends. Of one that is refused before its first row, only that is known."""

    status: str
    header_lines: int | None = None
    blank_lines: int | None = None
    records: int | None = None
    rows_loaded: int | None = None
    rows_quarantined: int | None = None
    quarantined_lines: tuple[int, ...] = ()
    encoding: str | None = None
    delimiter: str | None = None
    has_header: bool | None = None
    rows: tuple[tuple[Any, ...], ...] = ()


def expected(sheet: Sheet) -> Outcome:
    if sheet.unread:
        return Outcome(REFUSED)
    rows, broken = sheet.count(Fate.ROW), sheet.count(Fate.BROKEN)
    is_refused = broken > REFUSED_ABOVE * (rows + broken)
    return Outcome(
        status=REFUSED if is_refused else LOADED,
        header_lines=sheet.count(Fate.HEADER),
        blank_lines=sheet.count(Fate.BLANK),
        records=len(sheet.records),
        rows_loaded=0 if is_refused else rows,
        rows_quarantined=rows + broken if is_refused else broken,
        quarantined_lines=() if is_refused else tuple(line for line, _ in sheet.places(Fate.BROKEN)),
        encoding=sheet.encoding,
        delimiter=sheet.style.delimiter,
        has_header=sheet.has_header,
        rows=() if is_refused else tuple((line, *row.values) for line, row in sheet.places(Fate.ROW)),
    )


def outcome(judged: Judged) -> Outcome:
    end = ended(judged, REFUSED if judged.refusal else LOADED)
    found = judged.found
    if not end.figures:
        return Outcome(end.status)
    return Outcome(
        status=end.status,
        **end.figures,
        quarantined_lines=tuple(sorted(row["line_number"] for row in _rows(judged.rejects))),
        has_header=not any(doubt.startswith("no header") for doubt in found["doubts"]),
        rows=tuple(
            sorted(
                (row["line_number"], *(row[column] for column in COLUMNS[str(judged.kind)]))
                for row in _rows(judged.rows)
            )
        ),
    )


def _rows(spool: Any) -> list[dict[str, Any]]:
    return [row for table in spool.tables() for row in table.to_pylist()] if spool else []


@pytest.fixture
def judged(inbox: str, tmp_path: Path) -> dict[str, Judged]:
    for file in files():
        aws.s3().put_object(Bucket=inbox, Key=file.key, Body=file.sheet.body)
    found, faults = read(waiting(), tmp_path, float(REFUSED_ABOVE))
    assert faults == []
    return {each.version.key: each for each in found}


def difference(file: File, judged: Judged) -> str:
    """What is not as the table says, or nothing."""
    wanted, found = expected(file.sheet), outcome(judged)
    wrong = {
        name: (getattr(wanted, name), getattr(found, name))
        for name in Outcome.__dataclass_fields__
        if getattr(wanted, name) != getattr(found, name)
    }
    if file.sheet.refusal not in (judged.refusal or ""):
        wrong["refusal"] = (file.sheet.refusal, judged.refusal)
    return f"{file.key} ({file.defect}): {wrong}" if wrong else ""


def test_each_file_ends_as_the_table_says(judged: dict[str, Judged]) -> None:
    assert len(judged) == COUNT
    assert len(DEFECTS) >= 60
    differing = {file.defect: shown for file in files() if (shown := difference(file, judged[file.key]))}
    assert differing == {}
