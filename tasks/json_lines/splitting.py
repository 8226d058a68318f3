"""A file's text as records: its lines, or the elements of its arrays, each with its place in the file.

An element that is not JSON is isolated where its brackets and quotes say where it ends. Where they contradict each other,
the elements after it may be part of it, and the file is refused.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tasks.errors import DataError

LONGEST_RECORD = 8 << 20
BLANKS = " \t\r\n"
_NOT_BLANK = re.compile(r"[^ \t\r\n]")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|["\[\]{},]', re.DOTALL)
# Within a string of a broken element: the string was not closed, and what follows are other elements.
_BETWEEN_ELEMENTS = re.compile(r"[\r\n]|}\s*,\s*{")
_CLOSES = {"}": "{", "]": "["}
# What may follow the bracket of an array; otherwise it is a broken line of a file of lines.
_ARRAY = re.compile(rb'\s*\[\s*([\[\]{",tfn0-9-]|\Z)')
_PLAIN = json.JSONDecoder()


class Record(NamedTuple):
    """A record's text, and the physical line (from 1) and the byte (from 0) at which it begins."""

    text: str
    line: int
    offset: int


@dataclass
class Place:
    """Where a reader is in the file, in the file's own encoding."""

    name: str
    encoding: str
    offset: int
    line: int = 1

    def pass_over(self, text: str) -> None:
        if self.encoding != "utf-8":
            self.offset += len(text.encode(self.encoding))
        else:
            self.offset += len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))


def is_array(start: bytes) -> bool:
    return _ARRAY.match(start) is not None


def lines(chunks: Iterable[bytes], place: Place) -> Iterator[Record]:
    """Every line, the blank ones too. LF, CRLF or CR ends one: no JSON text has any of them within a string."""
    rest = b""
    for chunk in chunks:
        data = rest + chunk
        cut = data.rfind(b"\n") + 1 or data.rfind(b"\r", 0, len(data) - 1) + 1
        yield from _lines_of(data[:cut], place)
        rest = data[cut:]
        if len(rest) > LONGEST_RECORD:
            raise DataError(
                f"{place.name}: line {place.line} is longer than {LONGEST_RECORD:,} bytes. Send one object per line, or an "
                "array of objects."
            )
    yield from _lines_of(rest, place)


def _lines_of(data: bytes, place: Place) -> Iterator[Record]:
    for line in data.splitlines(keepends=True):
        text = line.decode("utf-8", "surrogateescape")
        yield Record(text.strip(BLANKS), place.line, place.offset)
        place.pass_over(text)
        place.line += 1


def elements(chunks: Iterable[bytes], place: Place) -> Iterator[Record]:
    """The elements of an array, or of several one after the other, as joined files have them."""
    window = _Window(chunks, place)
    while window.next_sign() == "[":
        window.advance(window.position + 1)
        if window.next_sign() == "]":
            window.advance(window.position + 1)
            continue
        sign = ","
        while sign == ",":
            window.next_sign()
            yield window.take(_end_of_element(window))
            sign = window.next_sign()
            window.advance(window.position + 1)
    if window.next_sign():
        raise DataError(
            f"{place.name}: the array ends before byte {place.offset:,} (line {place.line}), and more follows. Send an "
            "array, or one object per line."
        )


def _end_of_element(window: _Window) -> int:
    """Where the element at the window's position ends: by the parser, or else by its brackets and quotes."""
    while True:
        try:
            _, end = _PLAIN.raw_decode(window.text, window.position)
        except (ValueError, RecursionError):
            end = -1
        following = _NOT_BLANK.search(window.text, end) if end >= 0 else None
        if following and following[0] in ",]":
            return end
        if (found := _end_by_brackets(window)) is not None:
            return found
        if not window.more():
            raise DataError(
                f"{window.place.name}: the array is not closed: the element that begins at byte {window.place.offset:,} "
                f"(line {window.place.line}) has no end. The file was cut off, or a quote or bracket is missing: upload it "
                "again, whole."
            )


def _end_by_brackets(window: _Window) -> int | None:
    """None: not within what has been read."""
    opened: list[str] = []
    is_doubtful = False
    for token in _TOKEN.finditer(window.text, window.position):
        sign = token[0]
        if sign == '"':
            return None
        if sign[0] == '"':
            is_doubtful |= _BETWEEN_ELEMENTS.search(sign) is not None
        elif sign in "[{":
            opened.append(sign)
        elif not opened and sign in ",]":
            if is_doubtful:
                raise _not_isolated(window.place, "a string is not closed")
            return token.start()
        elif sign in _CLOSES and (not opened or opened.pop() != _CLOSES[sign]):
            raise _not_isolated(window.place, "its brackets do not match")
    return None


def _not_isolated(place: Place, why: str) -> DataError:
    return DataError(
        f"{place.name}: the element that begins at byte {place.offset:,} (line {place.line}) is not JSON, and where it ends "
        f"cannot be told: {why}. Nothing of the file may be used. Mend it, or send one object per line."
    )


class _Window:
    """The part of the text that is in memory, and the place where reading has come to."""

    def __init__(self, chunks: Iterable[bytes], place: Place) -> None:
        self.text, self.position, self.place = "", 0, place
        self._chunks = iter(chunks)
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._ended = False

    def more(self) -> bool:
        """Read on. False at the end of the file."""
        if self._ended:
            return False
        if len(self.text) - self.position > LONGEST_RECORD:
            raise _not_isolated(self.place, f"it is longer than {LONGEST_RECORD:,} characters")
        chunk = next(self._chunks, None)
        self._ended = chunk is None
        self.text = self.text[self.position :] + self._decoder.decode(chunk or b"", self._ended)
        self.position = 0
        return True

    def next_sign(self) -> str:
        """The next character that is not blank, which becomes the position; nothing at the end of the file."""
        while True:
            found = _NOT_BLANK.search(self.text, self.position)
            self.advance(found.start() if found else len(self.text))
            if found:
                return found[0]
            if not self.more():
                return ""

    def advance(self, end: int) -> None:
        passed = self.text[self.position : end]
        self.place.pass_over(passed)
        self.place.line += passed.count("\n")
        self.position = end

    def take(self, end: int) -> Record:
        record = Record(self.text[self.position : end].rstrip(BLANKS), self.place.line, self.place.offset)
        self.advance(end)
        return record
