"""Partners' files as their senders meant them: records whose end is known before anything reads them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum, auto
from typing import Any

COLUMNS = {
    "sales": ("store_token", "transaction_id", "receipt_token", "transaction_time", "amount", "user_role"),
    "stores": ("store_group", "store_token", "store_name"),
}
REFUSED_ABOVE = Decimal("0.05")
_BOMS = {"utf-8": b"\xef\xbb\xbf", "utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}


class Fate(Enum):
    HEADER = auto()
    ROW = auto()
    BROKEN = auto()
    BLANK = auto()


@dataclass(frozen=True)
class Style:
    """How a partner writes."""

    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    always: bool = False
    newline: str = "\n"
    encoding: str = "utf-8"
    bom: bool = False

    def line(self, cells: tuple[str, ...]) -> str:
        return self.delimiter.join(map(self._cell, cells))

    def _cell(self, cell: str) -> str:
        special = {self.delimiter, self.quote, self.escape, "\r", "\n"}
        if not self.always and special.isdisjoint(cell):
            return cell
        if self.escape != self.quote:
            cell = cell.replace(self.escape, self.escape * 2)
        return self.quote + cell.replace(self.quote, self.escape + self.quote) + self.quote


@dataclass(frozen=True)
class Record:
    """`raw`: what stands in the file where that is not what the style makes of the cells; `end`: likewise its line's end.
    `values`: what is loaded of a row, in the contract's order."""

    fate: Fate
    cells: tuple[str, ...] = ()
    values: tuple[Any, ...] = ()
    raw: str | None = None
    end: str | None = None

    def text(self, style: Style) -> str:
        return style.line(self.cells) if self.raw is None else self.raw


@dataclass(frozen=True)
class Sheet:
    """A file. `refusal`: a phrase of why the whole file is refused. `unread`: refused before its first row."""

    kind: str
    style: Style
    records: tuple[Record, ...]
    name: str = ""
    suffix: str = ".csv"
    packed: Callable[[bytes], bytes] = bytes
    refusal: str = ""
    unread: bool = False
    has_header: bool = True
    ends_with_newline: bool = True

    @property
    def header(self) -> Record:
        return self.records[0]

    @property
    def rows(self) -> tuple[Record, ...]:
        return self.records[1:]

    def put(self, at: int, *records: Record) -> Sheet:
        """Other records in the place of one."""
        return replace(self, records=(*self.records[:at], *records, *self.records[at + 1 :]))

    def before(self, at: int, *records: Record) -> Sheet:
        return replace(self, records=(*self.records[:at], *records, *self.records[at:]))

    def after(self, *records: Record) -> Sheet:
        return replace(self, records=(*self.records, *records))

    def each(self, change: Callable[[Record], Record]) -> Sheet:
        return replace(self, records=tuple(map(change, self.records)))

    def styled(self, **style: Any) -> Sheet:
        return replace(self, style=replace(self.style, **style))

    def refused(self, phrase: str) -> Sheet:
        return replace(self, refusal=phrase, unread=True)

    def written(self, at: int, column: str, text: str, value: Any) -> Sheet:
        """A row with another text in one column, and the value that is loaded of it."""
        place, record = COLUMNS[self.kind].index(column), self.records[at]
        return self.put(
            at,
            replace(
                record, cells=_with(record.cells, place, text), values=_with(record.values, place, value)
            ),
        )

    def broken(self, at: int, column: str, text: str) -> Sheet:
        written = self.written(at, column, text, None)
        return written.put(at, replace(written.records[at], fate=Fate.BROKEN))

    def cell(self, at: int, column: str) -> str:
        return self.records[at].cells[COLUMNS[self.kind].index(column)]

    def raw(self, at: int, column: str, shown: str) -> str:
        """A row's line with one field as given, quotes and all."""
        place, record = COLUMNS[self.kind].index(column), self.records[at]
        fields = [self.style.line((cell,)) for cell in record.cells]
        return self.style.delimiter.join((*fields[:place], shown, *fields[place + 1 :]))

    @property
    def text(self) -> str:
        lines = [
            record.text(self.style) + (self.style.newline if record.end is None else record.end)
            for record in self.records
        ]
        whole = "".join(lines)
        return whole if self.ends_with_newline else whole.removesuffix(self.style.newline)

    @property
    def body(self) -> bytes:
        bom = _BOMS[self.style.encoding] if self.style.bom else b""
        return self.packed(bom + self.text.encode(self.style.encoding, "surrogateescape"))

    @property
    def encoding(self) -> str:
        """What the file's bytes are, as the description calls it."""
        name = self.style.encoding
        if name in ("cp1252", "latin-1"):
            body = self.text.encode(name)
            signs = any(0x80 <= byte < 0xA0 for byte in body)
            name = "utf-8" if body.isascii() else "windows-1252" if signs else "latin-1"
        return f"{name} with BOM" if self.style.bom else name

    def count(self, fate: Fate) -> int:
        return sum(record.fate is fate for record in self.records)

    def places(self, fate: Fate) -> list[tuple[int, Record]]:
        """The records of a fate with the numbers of their first lines."""
        found, line = [], 1
        for record in self.records:
            if record.fate is fate:
                found.append((line, record))
            line += 1 + len(re.findall(r"\r\n|\r|\n", record.text(self.style)))
        return found


def blank(text: str = "") -> Record:
    return Record(Fate.BLANK, raw=text)


def top(text: str) -> Record:
    return Record(Fate.HEADER, raw=text)


def broken(text: str) -> Record:
    return Record(Fate.BROKEN, raw=text)


def sheet(kind: str, style: Style, rows: int = 40) -> Sheet:
    """A flawless file."""
    row = _sale if kind == "sales" else _store
    return Sheet(
        kind, style, (Record(Fate.HEADER, COLUMNS[kind]), *(row(number) for number in range(1, rows + 1)))
    )


def _sale(number: int) -> Record:
    sold_at = datetime(2025, 1, 11, 8) + timedelta(minutes=7 * number)
    amount = Decimal(number * 1999 % 30_000 - 1_500) / 100
    role = ("cashier", "caissière", "Aushilfe", "")[number % 4]
    cells = (
        f"S{number % 5:02}",
        f"T{number:04}",
        f"R{number // 2:04}",
        sold_at.isoformat(),
        f"{amount:.2f}",
        role,
    )
    return Record(Fate.ROW, cells, (*cells[:3], sold_at, amount, role or None))


def _store(number: int) -> Record:
    cells = (f"Group {number % 4}", f"S{number:02}", f"Zoë – Café {number}")
    return Record(Fate.ROW, cells, cells)


def _with(cells: tuple[Any, ...], place: int, cell: Any) -> tuple[Any, ...]:
    return (*cells[:place], cell, *cells[place + 1 :])
