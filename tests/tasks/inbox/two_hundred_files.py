"""200 files for the inbox: more than a hundred defects, spread over both kinds of files and partners' ways of writing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from tests.tasks.inbox import spoiled_files, spoiled_headers, spoiled_records, spoiled_values
from tests.tasks.inbox.sheets import Sheet, Style, sheet

COUNT = 200
STYLES = (
    Style(),
    Style(";", newline="\r\n", encoding="cp1252"),
    Style("\t"),
    Style("|", bom=True),
    Style(",", always=True, newline="\r\n"),
    Style(";", encoding="utf-16-le", bom=True),
    Style("\t", newline="\r\n", bom=True),
    Style("|", always=True),
)
SALES_ONLY = spoiled_values.DEFECTS | spoiled_records.SALES_ONLY | spoiled_headers.SALES_ONLY
DEFECTS = SALES_ONLY | spoiled_records.DEFECTS | spoiled_headers.DEFECTS | spoiled_files.DEFECTS


class File(NamedTuple):
    defect: str
    key: str
    sheet: Sheet


def files() -> list[File]:
    """Each defect once, in the styles by turns, in a file of sales or stores by turns; then the other way, until enough."""
    found = list(islice(_files(), COUNT))
    assert len(found) == COUNT
    return found


def _files() -> Iterator[File]:
    again = [name for name in DEFECTS if name not in SALES_ONLY]
    for number, name in enumerate([*DEFECTS, *again]):
        is_second = number >= len(DEFECTS)
        kind = "sales" if name in SALES_ONLY or number % 2 != is_second else "stores"
        changed = DEFECTS[name](sheet(kind, STYLES[number % len(STYLES)]))
        called = changed.name or f"{kind}_20250111{changed.suffix}"
        yield File(name, f"inbox/{number:03}/{called}", changed)
