"""A file as blocks of whole records: scanned fast where all is regular, split with care where it is not.

Memory stays bounded: a block is a few megabytes, and a record longer than `LONGEST_RECORD` is taken for an unclosed quote.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from tasks.delimited.encoding import Encoding, original_bytes
from tasks.delimited.scanning import Scan, is_scannable, scan
from tasks.delimited.splitting import Dialect, Splitter
from tasks.errors import DataError

LONGEST_RECORD = 8 << 20
_WINDOW = 4 << 10
BROKEN = "bytes that are not in the file's encoding"
NUL = "a NUL byte"
_BROKEN_BYTE = re.compile("[\udc80-\udcff]")
_BOM = b"\xef\xbb\xbf"


class Located(NamedTuple):
    """A record and its place in the file: physical line from 1, byte offset from 0. Blank ones have no cells."""

    cells: list[str]
    line: int
    lines: int
    offset: int
    raw: str
    flaw: str


@dataclass(frozen=True)
class Scanned:
    """A block of records that the fast splitter vouches for, and where each begins in the file."""

    data: bytes
    scan: Scan
    lines: Any
    offsets: Any


class Walker:
    """Walks a file's UTF-8 from record to record. The first `careful_first` that are not blank are split with care."""

    def __init__(
        self,
        name: str,
        dialect: Dialect,
        width: int,
        encoding: Encoding,
        careful_first: int = 0,
        careful: bool = False,
    ) -> None:
        self._name, self._dialect, self._width, self._encoding = name, dialect, width, encoding
        self._careful_left = careful_first
        self._scans = not careful and width > 1 and is_scannable(dialect)
        self._line, self._offset = 0, len(encoding.bom)

    def walk(self, chunks: Iterable[bytes]) -> Iterator[Scanned | list[Located]]:
        data = b""
        for chunk, final in _with_last(chunks):
            data += chunk
            consumed = yield from self._block(data, final)
            data = data[consumed:]
            if len(data) > 2 * LONGEST_RECORD:
                raise DataError(
                    f"{self._name}: line {self._line + 1} is longer than {LONGEST_RECORD:,} bytes: this is no "
                    "table of lines. Check that the sender exports delimited text."
                )

    def careful(
        self, data: bytes, line: int, offset: int, final: bool = True, patient: bool = True
    ) -> tuple[list[Located], int]:
        """The records of some bytes, split with care, and how many bytes they take."""
        text = data.decode("utf-8", "surrogateescape")
        splitter = Splitter(text, self._dialect, self._width, final, patient)
        found: list[Located] = []
        place, ascii_only, plain = 0, text.isascii(), self._encoding.is_utf8
        position = 0
        for cells, start, end, at, lines, flaw in splitter.records():
            if ascii_only:
                place = start
            else:
                place += len(text[position:start].encode("utf-8", "surrogateescape"))
                position = start
            raw = text[start:end]
            if "\0" in raw:
                flaw = NUL
            if self._encoding.broken_bytes and _BROKEN_BYTE.search(raw):
                cells, raw, flaw = [_mended(cell) for cell in cells], _mended(raw), BROKEN
            found.append(Located(cells, line + at + 1, lines, offset + place, raw, flaw))
        used = (
            len(text[: splitter.consumed].encode("utf-8", "surrogateescape"))
            if not ascii_only
            else splitter.consumed
        )
        if plain:
            return found, used
        befores = self._original(data)
        return [each._replace(offset=offset + int(befores[each.offset - offset])) for each in found], used

    def _block(self, data: bytes, final: bool) -> Generator[Scanned | list[Located], None, int]:
        """Yield the whole records of a block; return how far they reach."""
        position = 0
        while position < len(data):
            if self._scans and not self._careful_left:
                rest = data[position:] if position else data
                found = scan(rest, self._dialect, self._width, final) if self._is_clean(rest) else None
                if found and found.consumed:
                    yield self._located(rest, found)
                    position += found.consumed
                if found and not found.trouble and (final or len(data) - position <= LONGEST_RECORD):
                    return position
            used = yield from self._with_care(data, position, final)
            if not used:
                return position
            position += used
        return position

    def _is_clean(self, data: bytes) -> bool:
        """Whether Arrow may read this. It would drop a BOM in the middle of a file, and keep NULs, which are rejected."""
        return b"\0" not in data and not data.startswith(_BOM)

    def _located(self, data: bytes, found: Scan) -> Scanned:
        lines = self._line + found.lines + 1
        if self._encoding.is_utf8:
            offsets = self._offset + found.starts
            self._offset += found.consumed
        else:
            each = original_bytes(self._encoding, np.frombuffer(data, np.uint8, found.consumed))
            lengths = np.add.reduceat(each, found.starts, dtype=np.int64)
            offsets = self._offset + np.cumsum(lengths) - lengths
            self._offset += int(lengths.sum())
        self._line += found.consumed_lines
        return Scanned(data, found, lines, offsets)

    def _with_care(self, data: bytes, position: int, final: bool) -> Generator[list[Located], None, int]:
        size = len(data) if not self._scans else _WINDOW
        while True:
            whole = position + size >= len(data)
            piece = data[position : position + size]
            patient = not (whole and len(piece) > LONGEST_RECORD)
            records, used = self.careful(piece, self._line, self._offset, whole and final, patient)
            if used or whole:
                break
            size *= 4
        if used:
            self._line += sum(record.lines for record in records)
            self._offset += used if self._encoding.is_utf8 else int(self._original(piece[:used])[-1])
            self._careful_left = max(0, self._careful_left - sum(bool(record.cells) for record in records))
            yield records
        return used

    def _original(self, data: bytes) -> Any:
        """For each place in some UTF-8, how many bytes of the file come before it."""
        each = original_bytes(self._encoding, np.frombuffer(data, dtype=np.uint8))
        return np.concatenate(([0], np.cumsum(each, dtype=np.int64)))


def _mended(text: str) -> str:
    """Broken bytes of UTF-8 as what they mostly are: Windows-1252 pasted in."""
    return _BROKEN_BYTE.sub(lambda found: bytes([ord(found[0]) - 0xDC00]).decode("cp1252", "replace"), text)


def _with_last(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each chunk, and whether it is the last one."""
    before: bytes | None = None
    for chunk in chain(chunks, [None]):
        if before is not None:
            yield before, chunk is None
        before = chunk
