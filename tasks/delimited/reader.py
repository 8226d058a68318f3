"""Any delimited file as Arrow batches of text, or as rows as they stand, with each record's place and reject's reason.

    with opened(path, columns=("store_token", "amount")) as reading:
        for batch, rejects in reading.pieces():
            ...
        print(reading.description())

Nothing is complete before the stream is exhausted: only then are all lines accounted for, or a DataError says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from tasks.delimited.accounting import Account, LineCount
from tasks.delimited.ahead import one_ahead
from tasks.delimited.blocks import Located, Scanned, Walker
from tasks.delimited.encoding import utf8_chunks
from tasks.delimited.header import HeaderAgain
from tasks.delimited.mending import looks_odd, with_other_delimiter
from tasks.delimited.planning import Pin, Plan, plan
from tasks.delimited.tables import POSITIONS, Fields, fields_of
from tasks.delimited.unpacking import Limits, unpacked

_BATCH_RECORDS = 20_000
Run = Scanned | list[Located]


class Reject(NamedTuple):
    """A record that is not a row of the table, where it stands, and why."""

    record_number: int
    line_number: int
    byte_offset: int
    raw: str
    reason: str


class Piece(NamedTuple):
    """Rows of the table with their positions, and the rejects among them."""

    batch: Any
    rejects: list[Reject]


@contextmanager
def opened(
    path: Path,
    *,
    columns: Sequence[str] = (),
    pin: Pin | None = None,
    name: str = "",
    scratch: Path | None = None,
    limits: Limits | None = None,
) -> Iterator[Reading]:
    """Find out what a file is. `columns`: a contract's names, without which nothing is rejected. `name`: for messages."""
    with unpacked(path, limits, scratch) as (plain, packing):
        yield Reading(plain, name or path.name, packing, plan(plain, name or path.name, columns, pin))


class Reading:
    """One pass over a file: `pieces` or `rows`, once. The account is complete when the pass is."""

    def __init__(self, plain: Path, name: str, packing: str, made: Plan) -> None:
        self.plan, self.name, self.packing = made, name, packing
        self.account, self.counted = Account(), LineCount()
        self.flawed = self.mended = 0
        self.preamble: list[list[str]] = []
        self._plain = plain
        self._skipped = 0
        self._again = HeaderAgain(made.columns, made.header.places) if made.rejecting else None
        self._widths = {made.width, len(made.header.names) or made.width}

    def rows(self) -> Iterator[list[str]]:
        """Every record that is not blank as it stands, header and ragged rows included. Without a contract, the records
        that are beyond doubt above the table are in `preamble` instead."""
        for run in self._walk(careful=True):
            for record in run if isinstance(run, list) else ():
                above = len(self.preamble)
                self._count(record)
                if record.cells and len(self.preamble) == above:
                    yield self._as_it_stands(record)
        self.account.check(self.name, self.counted)

    def pieces(self) -> Iterator[Piece]:
        """The table's rows as batches of text columns with record number, line number and byte offset, and the rejects."""
        for run in one_ahead(self._walk(careful=False)):
            yield from self._of_scan(run) if isinstance(run, Scanned) else self._of_records(run)
        self.account.check(self.name, self.counted)

    @property
    def schema(self) -> Any:
        return pa.schema(
            [
                *((column, pa.string()) for column in self.plan.columns),
                *((each, pa.int64()) for each in POSITIONS),
            ]
        )

    def description(self) -> dict[str, Any]:
        """What was found and what became of it, in the columns of MONITORING.INBOX_FILES where it has them."""
        made, account = self.plan, self.account
        return {
            "packing": self.packing,
            "encoding": made.encoding.label,
            "delimiter": made.dialect.delimiter,
            "quote": made.dialect.quote,
            "escape": made.dialect.escape,
            "newline": self.counted.newline,
            "columns": len(made.header.names) or made.width,
            "extra_columns": list(made.header.extra),
            "physical_lines": self.counted.lines,
            "records": account.records,
            "header_lines": account.header_lines,
            "blank_lines": account.blank_lines,
            "rows": account.rows,
            "rejected_records": account.rejected_records,
            "flawed_records": self.flawed,
            "mended_records": self.mended,
            "doubts": list(made.doubts),
        }

    def _walk(self, careful: bool) -> Iterator[Run]:
        made = self.plan
        self._walker = Walker(self.name, made.dialect, made.width, made.encoding, made.skip, careful)
        return self._walker.walk(self._chunks())

    def _chunks(self) -> Iterator[bytes]:
        for chunk in utf8_chunks(self._plain, self.plan.encoding):
            self.counted.add(chunk)
            yield chunk

    def _as_it_stands(self, record: Located) -> list[str]:
        made = self.plan
        if made.kinds and record.lines == 1 and looks_odd(record.cells, made.width):
            first = self.account.records == self.account.blank_lines + len(self.preamble) + 1
            if cells := with_other_delimiter(record.raw, made.dialect, made.kinds, first):
                self.mended += 1
                return cells
        return record.cells

    def _sort(
        self, record: Located, number: int, kept: list[tuple[Located, int]], rejects: list[Reject]
    ) -> None:
        """Count a record, and put it among the rows or the rejects. Blank and header records are only counted."""
        reason = self._reason(record)
        if not self._count(record, bool(reason)):
            return
        if reason:
            rejects.append(Reject(number, record.line, record.offset, record.raw, reason))
        else:
            kept.append((record, number))

    def _count(self, record: Located, rejected: bool = False) -> bool:
        """Count a record. Returns whether it belongs to the table, as a row or a reject."""
        account = self.account
        account.records += 1
        account.lines += record.lines
        self.flawed += bool(record.flaw)
        if not record.cells:
            account.blank_lines += 1
        elif self._skipped < self.plan.skip:
            self._skipped += 1
            account.header_lines += 1
            if len(self.preamble) < self.plan.header.preamble:
                self.preamble.append(record.cells)
        elif self._again and self._again.is_at(record.cells, record.raw, f"{self.name}: line {record.line}"):
            account.header_lines += 1
        else:
            account.rejected_records += rejected
            account.rows += not rejected
            return True
        return False

    def _of_records(self, records: Sequence[Located]) -> Iterator[Piece]:
        """Records that were split with care: rows and rejects."""
        for first in range(0, len(records), _BATCH_RECORDS):
            kept: list[tuple[Located, int]] = []
            rejects: list[Reject] = []
            for record in records[first : first + _BATCH_RECORDS]:
                self._sort(record, self.account.records + 1, kept, rejects)
            yield Piece(self._batch(kept), rejects)

    def _reason(self, record: Located) -> str:
        """Why a record is no row, or nothing. Surplus fields that are empty are trailing delimiters."""
        if record.flaw:
            return record.flaw if self.plan.rejecting or not self._fits(record.cells) else ""
        if self._fits(record.cells):
            return ""
        return f"{len(record.cells)} fields where {min(self._widths)} are expected"

    def _fits(self, cells: Sequence[str]) -> bool:
        least = min(self._widths)
        return len(cells) == least or (len(cells) > least and not any(map(str.strip, cells[least:])))

    def _batch(self, kept: Sequence[tuple[Located, int]]) -> Any:
        columns = [
            pa.array([record.cells[place] for record, _ in kept], pa.string())
            for place in self.plan.header.places
        ]
        positions = [(number, record.line, record.offset) for record, number in kept]
        arrays = [
            pa.array([each[place] for each in positions], pa.int64()) for place in range(len(POSITIONS))
        ]
        return pa.record_batch([*columns, *arrays], schema=self.schema)

    def _of_scan(self, block: Scanned) -> Iterator[Piece]:
        """A regular block. Records of another width, and all of them where Arrow counts otherwise, are split with care."""
        fields = fields_of(block, self.plan)
        if fields is None or self._needs_care(fields):
            consumed = block.scan.consumed
            records, _ = self._walker.careful(
                block.data[:consumed], int(block.lines[0]) - 1, int(block.offsets[0])
            )
            yield from self._of_records(records)
            return
        odd = self._odd_records(block, fields)
        extra = fields.extra_numbers([len(records) for records in odd])
        numbers = self.account.records + 1 + extra
        rows = pa.record_batch(
            [*(fields.column(place) for place in self.plan.header.places), *fields.positions(numbers)],
            schema=self.schema,
        )
        rejects: list[Reject] = []
        late: list[tuple[Located, int]] = []
        before = self.account.records
        for place, records in zip(fields.odd, odd, strict=True):
            for at, record in enumerate(records):
                self._sort(record, int(numbers[place]) + at, late, rejects)
        self._count_rows(fields, before, sum(map(len, odd)))
        yield Piece(rows, rejects)
        if late:
            yield Piece(self._batch(late), [])

    def _count_rows(self, fields: Fields, before: int, odd: int) -> None:
        self.account.records = before + odd + fields.rows + fields.blanks
        self.account.rows += fields.rows
        self.account.blank_lines += fields.blanks
        self.account.lines += fields.regular_lines

    def _odd_records(self, block: Scanned, fields: Fields) -> list[list[Located]]:
        found = []
        for place in fields.odd:
            start, end = fields.span(place)
            found.append(
                self._walker.careful(
                    block.data[start:end], int(block.lines[place]) - 1, int(block.offsets[place])
                )[0]
            )
        return found

    def _needs_care(self, fields: Fields) -> bool:
        """Whether a block may have a further header, or has surplus fields that are not empty."""
        least = min(self._widths)
        surplus = any(fields.has_text(place) for place in range(least, self.plan.width))
        return surplus or bool(self._again and fields.may_have_header(self._again))
