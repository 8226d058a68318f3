"""The fields of a regular block, read by Arrow and compared with what the fast splitter counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from tasks.delimited.blocks import Scanned
from tasks.delimited.header import HeaderAgain
from tasks.delimited.planning import Plan

POSITIONS = ("record_number", "line_number", "byte_offset")


@dataclass(frozen=True)
class Fields:
    """A block's regular rows. `odd`: the records that have another number of fields and are not blank."""

    block: Scanned
    table: Any
    kept: Any
    odd: list[int]
    blanks: int
    regular_lines: int

    @property
    def rows(self) -> int:
        return int(self.table.num_rows)

    def column(self, place: int) -> Any:
        return self.table.column(place).combine_chunks()

    def positions(self, numbers: Any) -> list[Any]:
        return [
            pa.array(each[self.kept], pa.int64()) for each in (numbers, self.block.lines, self.block.offsets)
        ]

    def extra_numbers(self, counts: Sequence[int]) -> Any:
        """Each record's number within the block, where odd ones turned out to be so many records."""
        more = np.zeros(len(self.kept), dtype=np.int64)
        more[self.odd] = np.asarray(counts, dtype=np.int64) - 1
        return np.arange(len(self.kept)) + np.concatenate(([0], np.cumsum(more)[:-1]))

    def span(self, place: int) -> tuple[int, int]:
        """Where a record begins and where the next one does."""
        starts = self.block.scan.starts
        return int(starts[place]), int(starts[place + 1]) if place + 1 < len(
            starts
        ) else self.block.scan.consumed

    def has_text(self, place: int) -> bool:
        """Whether a column has anything but blanks."""
        return bool(pc.any(pc.not_equal(pc.utf8_trim_whitespace(self.table.column(place)), "")).as_py())

    def may_have_header(self, header: HeaderAgain) -> bool:
        """Whether all names may be in one record. Then a name is in one of any so many columns as there are others, and one
        more; the smallest are looked at."""
        columns = sorted(self.table.columns, key=lambda column: int(column.nbytes))
        few = columns[: len(columns) - len(header.names) + 1]
        return any(map(header.any_in, map(_text, few))) and header.all_in(self.block.data)


def _text(column: Any) -> bytes:
    """All values of a column, one after the other."""
    buffers = [chunk.buffers()[2] for chunk in column.chunks]
    return b"".join(memoryview(each) for each in buffers if each)


def fields_of(block: Scanned, plan: Plan) -> Fields | None:
    """The fields of a block's regular records, or None where Arrow does not read what was counted."""
    scan = block.scan
    blank = scan.ends == scan.starts
    kept = (scan.widths == plan.width) & ~blank
    odd = np.flatnonzero(~kept & ~blank).tolist()
    content = memoryview(block.data)[: scan.consumed] if not odd else _without(block, odd)
    rows = int(np.count_nonzero(kept))
    try:
        table = _read(content, plan) if rows else _nothing(plan)
    except pa.ArrowInvalid:
        # Such as bytes that are no UTF-8: the careful splitter says which record has them.
        return None
    if table.num_rows != rows or table.num_columns != plan.width:
        return None
    lines = np.diff(np.append(scan.lines, scan.consumed_lines))
    return Fields(block, table, kept, odd, int(np.count_nonzero(blank)), int(lines.sum() - lines[odd].sum()))


def _without(block: Scanned, odd: Sequence[int]) -> bytes:
    starts = np.append(block.scan.starts, block.scan.consumed)
    view, pieces, position = memoryview(block.data), [], 0
    for place in odd:
        pieces.append(view[position : int(starts[place])])
        position = int(starts[place + 1])
    return b"".join([*pieces, view[position : block.scan.consumed]])


def _read(content: Any, plan: Plan) -> Any:
    names = [str(place) for place in range(plan.width)]
    dialect = plan.dialect
    return csv.read_csv(
        pa.BufferReader(pa.py_buffer(content)),
        read_options=csv.ReadOptions(column_names=names, block_size=len(content) + 1, use_threads=True),
        parse_options=csv.ParseOptions(
            delimiter=dialect.delimiter,
            quote_char=dialect.quote or False,
            double_quote=dialect.quote is not None,
            escape_char=dialect.backslash or False,
            newlines_in_values=True,
            ignore_empty_lines=True,
        ),
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=False,
            quoted_strings_can_be_null=False,
        ),
    )


def _nothing(plan: Plan) -> Any:
    return pa.table({str(place): pa.array([], pa.string()) for place in range(plan.width)})
