"""The careful splitter: text in, records out, each with its physical lines. It decides what the fast one may not.

A quote opens only where a field begins and closes only before a delimiter or the end of a line. Within one line a stray
quote is accepted and reported; a field that spans lines must be flawless: an unclosed quote cannot swallow what follows.
"""

from __future__ import annotations

import csv
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import NamedTuple

_LINE_END = re.compile(r"\r\n|\r|\n")
_BLANKS = " \t"
UNCLOSED = "a quote opens and is never closed"
STRAY = "a quote inside a quoted field is neither doubled nor escaped"
# Prose has a comma or two in a line; this many delimiters, exactly as many as in a record, are no accident.
LEAST_SUSPICIOUS = 3
# Python's csv refuses longer fields.
_CSV_FIELD = 100_000


@dataclass(frozen=True)
class Dialect:
    """How fields are separated and quoted. No delimiter: one column. If quotes are doubled, `escape` equals `quote`."""

    delimiter: str | None = ","
    quote: str | None = '"'
    escape: str | None = '"'

    @property
    def backslash(self) -> str | None:
        """The escape where it is a character of its own."""
        return self.escape if self.escape != self.quote else None


class Record(NamedTuple):
    """One record. `start` and `end` are places in the text that was split; a blank record has no cells."""

    cells: list[str]
    start: int
    end: int
    line: int
    lines: int
    flaw: str


class NeedMore(Exception):
    """The text ends inside a quoted field, and more text may close it."""


class Splitter:
    """Splits one text. `width`, the usual number of fields, settles cases that quotes alone leave open."""

    def __init__(
        self, text: str, dialect: Dialect, width: int = 0, final: bool = True, patient: bool = True
    ) -> None:
        self._text = text
        self._delimiter = dialect.delimiter
        self._quote = dialect.quote
        self._escape = dialect.backslash
        self._width = width
        # Whether a quote that is open at the end of the text may be closed by text to come.
        self._hopeful = patient and not final
        self._blanks = "".join(blank for blank in _BLANKS if blank not in (dialect.delimiter or ""))
        self._starts, self._ends, self._whole = _lines(text, final)
        # Where the records that were complete end; text after it awaits more.
        self.consumed = 0

    def records(self) -> Iterator[Record]:
        """All complete records, blank ones included. Afterwards `consumed` says how far they reach."""
        text, quote, delimiter, escape = self._text, self._quote, self._delimiter, self._escape
        line, last = 0, len(self._starts)
        plain = _well_formed(delimiter, quote) if quote and delimiter and len(delimiter) == 1 else None
        while line < last:
            start, end = self._starts[line], self._ends[line]
            raw = text[start:end]
            after, flaw = line, ""
            if not raw or (raw.isspace() and (delimiter is None or delimiter not in raw)):
                cells: list[str] = []
            elif (quote is None or quote not in raw) and (escape is None or escape not in raw):
                cells = [raw] if delimiter is None else raw.split(delimiter)
            elif (
                plain
                and len(raw) < _CSV_FIELD
                and (escape is None or escape not in raw)
                and plain.fullmatch(raw)
            ):
                (cells,) = csv.reader((raw,), delimiter=delimiter or ",", quotechar=quote)
            else:
                try:
                    cells, after, flaw = self._best(line)
                except NeedMore:
                    return
            self.consumed = self._starts[after + 1] if after + 1 < last else self._whole
            yield Record(cells, start, self._ends[after], line, after - line + 1, flaw)
            line = after + 1

    def _best(self, line: int) -> tuple[list[str], int, str]:
        """The reading of a record with quotes. Another reading is preferred where only that one has the usual width."""
        cells, after, flaw = self._careful(line, across=True)
        width = self._width
        if flaw == UNCLOSED and width > 1:
            closed, _, closed_flaw = self._careful(line, across=False, early=True)
            if len(closed) == width:
                return closed, line, closed_flaw
        if width < 2 or len(cells) == width or (not flaw and after == line):
            return cells, after, flaw
        if after > line:
            # Every line on its own is a record: a quote that closes by chance joined them.
            alone = [self._careful(each, across=False)[0] for each in range(line, after + 1)]
            if all(len(each) == width for each in alone):
                return alone[0], line, UNCLOSED
        if flaw:
            other, _, _ = self._careful(line, across=False, quoted=False)
            if len(other) == width:
                return other, line, flaw
        return cells, after, flaw

    def _careful(
        self, line: int, across: bool, early: bool = False, quoted: bool = True
    ) -> tuple[list[str], int, str]:
        """Split one record field by field. `early`: a doubled quote before a delimiter closes. `quoted`: quotes count."""
        text, delimiter, quote = self._text, self._delimiter, self._quote if quoted else None
        position, end, flaw = self._starts[line], self._ends[line], ""
        cells: list[str] = []
        while True:
            value, after = None, position
            opening = self._skip_blanks(position, end)
            if quote and text.startswith(quote, opening, end):
                inner = opening + len(quote)
                close, stray = self._close(inner, end, early)
                if opening > position and stray:
                    close = -1
                elif close < 0 and across and opening == position:
                    close, line = self._close_across(inner, line)
                    end = self._ends[line]
                    stray = False
                if close >= 0:
                    value, after = (
                        self._unescaped(text[inner:close]),
                        self._skip_blanks(close + len(quote), end),
                    )
                    flaw = flaw or (STRAY if stray else "")
                elif opening == position:
                    flaw = UNCLOSED
            if value is None:
                after = self._next_delimiter(position, end)
                value = self._unescaped_plain(text[position:after])
            cells.append(value)
            if after >= end or delimiter is None:
                return cells, line, flaw
            position = after + len(delimiter)

    def _skip_blanks(self, position: int, end: int) -> int:
        while position < end and self._text[position] in self._blanks:
            position += 1
        return position

    def _is_escaped(self, place: int, first: int) -> bool:
        """Whether an odd number of escapes stands before this place."""
        back = place
        while back > first and self._text[back - 1] == self._escape:
            back -= 1
        return (place - back) % 2 == 1

    def _next_delimiter(self, position: int, end: int) -> int:
        if self._delimiter is None:
            return end
        place = self._text.find(self._delimiter, position, end)
        while place >= 0 and self._escape and self._is_escaped(place, position):
            place = self._text.find(self._delimiter, place + 1, end)
        return end if place < 0 else place

    def _closes(self, after: int, end: int) -> bool:
        """Whether a quote that ends here ends its field: a delimiter or the line's end follows, perhaps after blanks."""
        after = self._skip_blanks(after, end)
        return after >= end or (self._delimiter is not None and self._text.startswith(self._delimiter, after))

    def _close(self, position: int, end: int, early: bool) -> tuple[int, bool]:
        """The closing quote on this line, or -1, and whether a stray quote was passed."""
        text, quote, first, stray = self._text, self._quote or "", position, False
        while (place := text.find(quote, position, end)) >= 0:
            after = place + 1
            if self._escape and self._is_escaped(place, first):
                position = after
            elif text.startswith(quote, after, end):
                if early and self._closes(after + 1, end) and after > first:
                    return after, True
                position = after + 1
            elif self._closes(after, end):
                return place, stray
            else:
                position, stray = after, True
        return -1, stray

    def _close_across(self, position: int, line: int) -> tuple[int, int]:
        """The closing quote on a later line, or -1. No stray quote and no line that looks like a record may lie between."""
        text, quote, first = self._text, self._quote or "", position
        while (place := text.find(quote, position)) >= 0:
            after = place + 1
            if self._escape and self._is_escaped(place, first):
                position = after
            elif text.startswith(quote, after):
                position = after + 1
            else:
                reached = bisect_left(self._ends, place)
                if reached < len(self._ends) and self._closes(after, self._ends[reached]):
                    swallowed = any(self._looks_like_record(inside) for inside in range(line + 1, reached))
                    return (-1, line) if swallowed else (place, reached)
                if reached < len(self._ends) or not self._hopeful:
                    return -1, line
                break
        if self._hopeful:
            raise NeedMore
        return -1, line

    def _looks_like_record(self, line: int) -> bool:
        if self._delimiter is None or self._width <= LEAST_SUSPICIOUS:
            return False
        return self._text.count(self._delimiter, self._starts[line], self._ends[line]) == self._width - 1

    def _unescaped(self, value: str) -> str:
        quote, escape = self._quote or "", self._escape
        if escape and escape in value:
            return re.sub(
                rf"{re.escape(escape)}([{re.escape(escape + quote + (self._delimiter or ''))}])|{quote}{quote}",
                lambda found: found[1] or quote,
                value,
            )
        return value.replace(quote + quote, quote) if quote in value else value

    def _unescaped_plain(self, value: str) -> str:
        escape = self._escape
        if not escape or escape not in value:
            return value
        special = re.escape(escape + (self._quote or "") + (self._delimiter or ""))
        return re.sub(rf"{re.escape(escape)}([{special}])", r"\1", value)


def _lines(text: str, final: bool) -> tuple[list[int], list[int], int]:
    """Where each physical line starts, where its content ends, and where the last ends: whole lines, if text is to come."""
    returns = text.count("\r")
    if not returns or returns == text.count("\r\n") == text.count("\n"):
        # One kind of line end: str.split is several times as fast as looking for each.
        end = "\r\n" if returns else "\n"
        *whole, rest = text.split(end)
        starts = [0, *accumulate(len(line) + len(end) for line in whole)]
        ends = [after - len(end) for after in starts[1:]]
    else:
        found = [(each.start(), each.end()) for each in _LINE_END.finditer(text)]
        # A CR at the very end may be the first half of CRLF.
        if not final and text.endswith("\r"):
            found.pop()
        ends = [before for before, _ in found]
        starts = [0, *(after for _, after in found)]
        rest = text[starts[-1] :]
    if final and rest:
        ends.append(len(text))
        return starts, ends, len(text)
    return starts[:-1], ends, starts[-1]


@cache
def _well_formed(delimiter: str, quote: str) -> re.Pattern[str]:
    """What a flawless line of quoted and unquoted fields looks like, with neither blanks around quotes nor stray ones."""
    d, q = re.escape(delimiter), re.escape(quote)
    field = rf"(?>{q}[^{q}]*+(?:{q}{q}[^{q}]*+)*+{q}(?={d}|\Z)|(?!\s*{q})[^{d}]*+)"
    return re.compile(rf"{field}(?:{d}{field})*+")
