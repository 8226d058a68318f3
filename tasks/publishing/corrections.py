"""Manual corrections of quarantined rows: a CSV file with a row_id column and the columns to correct."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from contracts.catalog import contract
from tasks.errors import DataError
from tasks.services import objects

ID = "row_id"
_MAX_BYTES = 20_000_000


@dataclass(frozen=True)
class Corrections:
    address: str
    columns: tuple[str, ...]
    rows: dict[str, tuple[str, ...]]

    @cached_property
    def ids(self) -> pa.Array:
        return pa.array(self.rows, pa.string())

    def column(self, position: int) -> pa.Array:
        """The corrected values of a column, in the order of `ids`."""
        return pa.array([row[position] for row in self.rows.values()], pa.string())

    def of(self, row_id: str) -> dict[str, str]:
        return dict(zip(self.columns, self.rows[row_id], strict=True))


def read(dataset: str, address: str) -> Corrections:
    """Parse the file strictly. Raises DataError with file and line for anything unexpected; nothing is guessed."""
    body = _body(address)
    lines = _lines(body, address)
    header = next(lines, (1, []))[1]
    columns = _columns(dataset, header, address)
    position = header.index(ID)
    rows: dict[str, tuple[str, ...]] = {}
    first_seen: dict[str, int] = {}
    for number, cells in lines:
        if len(cells) != len(header):
            raise DataError(
                f"{address} line {number}: {len(cells)} cells, the header has {len(header)}. Quote cells that hold commas."
            )
        row_id = cells[position].strip()
        if not row_id:
            raise DataError(f"{address} line {number}: {ID} is empty. Copy it from quarantine.{dataset}.")
        if row_id in rows:
            raise DataError(
                f"{address} line {number}: {ID} {row_id!r} was on line {first_seen[row_id]} already. Keep one of them."
            )
        first_seen[row_id] = number
        rows[row_id] = tuple(cell for at, cell in enumerate(cells) if at != position)
    if not rows:
        raise DataError(
            f"{address}: no line below the header. Leave `mended` empty to replay rows as they are."
        )
    return Corrections(address, columns, rows)


def _body(address: str) -> bytes:
    try:
        found = objects.head(address)
    except ValueError as error:
        raise DataError(f"mended: {error}") from error
    if found.size > _MAX_BYTES:
        raise DataError(
            f"{address}: {found.size} bytes, the limit is {_MAX_BYTES}. Split it into several files."
        )
    return objects.read(address).removeprefix(codecs.BOM_UTF8)


def _lines(body: bytes, address: str) -> Iterator[tuple[int, list[str]]]:
    """Non-blank lines with their line numbers."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{address} line {line}: byte 0x{body[error.start]:02x} is not UTF-8. Save the file as CSV UTF-8."
        ) from error
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise DataError(
            f"{address} line {reader.line_num}: {error}. Close every quote that is opened."
        ) from error


def _columns(dataset: str, header: list[str], address: str) -> tuple[str, ...]:
    header[:] = [cell.strip() for cell in header]
    columns = contract(dataset)
    known = [column for column in columns.names if column not in columns.provided]
    expected = f"Expected are {ID} and columns of {dataset}: {', '.join(known)}."
    if not any(header):
        raise DataError(f"{address} is empty. {expected}")
    if twice := [name for name in header if header.count(name) > 1]:
        raise DataError(f"{address} line 1: the column {twice[0]!r} is there twice.")
    if ID not in header:
        raise DataError(f"{address} line 1: the column {ID} is missing. {expected}")
    if strange := [name for name in header if name not in (ID, *known)]:
        raise DataError(f"{address} line 1: unknown columns: {', '.join(map(repr, strange))}. {expected}")
    if header == [ID]:
        raise DataError(f"{address} line 1: no column to correct. {expected}")
    return tuple(name for name in header if name != ID)
