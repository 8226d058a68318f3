"""The fast splitter: where records begin and end in a block of UTF-8, and how many fields each has.

It counts with numpy, apart from whatever reads the fields afterwards, so the two check each other. It vouches only for
records whose quotes all stand well; at the first that does not, it stops and leaves the rest to the careful splitter.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tasks.delimited.splitting import LEAST_SUSPICIOUS, Dialect

_LF, _CR = 10, 13


class Scan(NamedTuple):
    """Arrays with a value per record. `consumed`: the bytes that it vouches for. `trouble`: whether it had to stop there."""

    starts: Any
    ends: Any
    lines: Any
    widths: Any
    consumed: int
    consumed_lines: int
    trouble: bool


def is_scannable(dialect: Dialect) -> bool:
    """Whether a dialect's signs are single bytes. One column and signs of several characters are the careful splitter's."""
    signs = (dialect.delimiter or "", dialect.quote or '"', dialect.escape or '"')
    return all(len(sign) == 1 and sign.isascii() for sign in signs)


def scan(data: bytes, dialect: Dialect, width: int, final: bool) -> Scan:
    """The records at the beginning of a block that starts with a record. `final`: nothing follows the block."""
    octets = np.frombuffer(data, dtype=np.uint8)
    breaks, content = _line_breaks(data, octets, final)
    delimiters = np.flatnonzero(octets == ord(dialect.delimiter or ","))
    quotes = _quotes(data, octets, dialect)
    if quotes is None:
        return _vouched(breaks, content, delimiters, breaks, 0, len(data), True)
    if not len(quotes):
        return _vouched(breaks, content, delimiters, breaks, len(data), len(data), False)
    trouble = _first_misplaced(octets, quotes, ord(dialect.delimiter or ","), ord(dialect.quote or '"'))
    before = np.searchsorted(quotes, breaks)
    inside = (before & 1).astype(bool)
    swallowing = _first_swallowed(breaks, before, inside, delimiters, width)
    open_at_end = int(quotes[-1]) if final and len(quotes) % 2 else len(data)
    stop = min(trouble, swallowing, open_at_end)
    delimiters = _outside(delimiters, quotes)
    return _vouched(breaks[~inside], content[~inside], delimiters, breaks, stop, len(data), stop < len(data))


def _line_breaks(data: bytes, octets: Any, final: bool) -> tuple[Any, Any]:
    """The last byte of each line end, and where the line's content ends."""
    feeds = octets == _LF
    if b"\r" not in data:
        breaks = np.flatnonzero(feeds)
        content = breaks
    else:
        breaks, content = _breaks_with_returns(octets, feeds, final)
    if final and len(data) and (not len(breaks) or breaks[-1] != len(data) - 1):
        breaks, content = np.append(breaks, len(data)), np.append(content, len(data))
    return breaks, content


def _breaks_with_returns(octets: Any, feeds: Any, final: bool) -> tuple[Any, Any]:
    returns = octets == _CR
    breaks = np.flatnonzero(feeds)
    paired = returns[breaks - 1] & (breaks > 0)
    if paired.all() and len(breaks) == np.count_nonzero(returns):
        return breaks, breaks - 1
    bare = returns.copy()
    bare[:-1] &= ~feeds[1:]
    # A CR at the very end may be the first half of CRLF.
    bare[-1] &= final
    breaks = np.flatnonzero(feeds | bare)
    return breaks, breaks - (feeds[breaks] & (breaks > 0) & returns[breaks - 1])


def _quotes(data: bytes, octets: Any, dialect: Dialect) -> Any:
    """Quotes that are not escaped, or None where an escape stands before something else than a quote or an escape."""
    if dialect.backslash and dialect.backslash.encode() in data:
        mark, quote = ord(dialect.backslash), ord(dialect.quote or '"')
        if data[-1] == mark:
            return None
        marks = np.flatnonzero(octets == mark)
        after = octets[marks + 1]
        # Escaped escapes are rare: they go to the careful splitter rather than into a count of runs.
        if not np.all(after == quote):
            return None
        found = np.flatnonzero(octets == quote)
        return found[~np.isin(found, marks + 1, assume_unique=True)]
    if dialect.quote is None or dialect.quote.encode() not in data:
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(octets == ord(dialect.quote))


def _first_misplaced(octets: Any, quotes: Any, delimiter: int, quote: int) -> int:
    """The first quote that opens elsewhere than at a field's start or closes elsewhere than at its end."""
    opens, closes = quotes[::2], quotes[1::2]
    before = octets[opens - 1]
    well = (before == delimiter) | (before == _LF) | (before == _CR) | (opens == 0)
    # A doubled quote looks like a quote that closes and one that opens again.
    doubled = opens[1:] == closes[: len(opens) - 1] + 1
    well[1:] |= doubled
    last = len(octets) - 1
    after = octets[np.minimum(closes + 1, last)]
    shut = (after == delimiter) | (after == _LF) | (after == _CR) | (after == quote) | (closes == last)
    misplaced = [int(places[~fine][0]) for places, fine in ((opens, well), (closes, shut)) if not fine.all()]
    return min(misplaced, default=len(octets))


def _first_swallowed(breaks: Any, before: Any, inside: Any, delimiters: Any, width: int) -> int:
    """The first line within a quoted field that looks like a record of its own: an earlier quote was never closed."""
    none = int(breaks[-1]) + 1 if len(breaks) else 0
    if width <= LEAST_SUSPICIOUS or not inside.any():
        return max(none, 1 << 62)
    fields = np.diff(np.searchsorted(delimiters, breaks))
    within = inside[:-1] & inside[1:] & (before[:-1] == before[1:]) & (fields == width - 1)
    return int(breaks[:-1][within][0]) if within.any() else 1 << 62


def _outside(delimiters: Any, quotes: Any) -> Any:
    """The delimiters that no quotes enclose."""
    opens, closes = quotes[::2], quotes[1::2]
    first = np.searchsorted(delimiters, opens)
    after = np.full(len(opens), len(delimiters))
    after[: len(closes)] = np.searchsorted(delimiters, closes)
    holding = after > first
    if not holding.any():
        return delimiters
    # +1 where an enclosed run begins, -1 behind its end: the sum is 0 outside of all runs.
    steps = np.zeros(len(delimiters) + 1, dtype=np.int32)
    steps[first[holding]] += 1
    steps[after[holding]] -= 1
    return delimiters[np.cumsum(steps[:-1]) == 0]


def _vouched(
    ends: Any, content: Any, delimiters: Any, breaks: Any, stop: int, size: int, trouble: bool
) -> Scan:
    """The records that end before `stop`."""
    count = int(np.searchsorted(ends, stop)) if trouble else len(ends)
    ends, content = ends[:count], content[:count]
    starts = np.empty(count, dtype=np.int64)
    if count:
        starts[0] = 0
        starts[1:] = ends[:-1] + 1
    consumed = min(int(ends[-1]) + 1, size) if count else 0
    widths = np.diff(np.searchsorted(delimiters, np.append(starts, consumed))) + 1
    consumed_lines = int(np.searchsorted(breaks, consumed)) + int(bool(count and ends[-1] == size))
    # As many lines as records: no field spans lines.
    lines = np.arange(count) if consumed_lines == count else np.searchsorted(breaks, starts)
    return Scan(starts, content, lines, widths, consumed, consumed_lines, trouble)
