"""A single row that was written with another delimiter than its file, read as what it plainly is.

Only where no contract rejects such rows, and only where the row then has the table's width and its columns' kinds of value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tasks.delimited.cells import VALUES, kind_of
from tasks.delimited.dialect import COMMON
from tasks.delimited.splitting import Dialect, Splitter

_LEAST_WIDTH = 4
_ALIKE = 0.8
_OTHERS = (*COMMON, " ", ", ", ":", "^", "~")


def column_kinds(rows: Sequence[Sequence[str]], width: int) -> tuple[str, ...]:
    """The kind of value that each column nearly always has: number, time or address, or nothing for text."""
    usual = [row for row in rows if len(row) == width][1:]
    found = []
    for place in range(width):
        kinds = Counter(kind for row in usual if (kind := kind_of(row[place])))
        kind, times = kinds.most_common(1)[0] if kinds else ("", 0)
        found.append(kind if kind in VALUES and times >= _ALIKE * sum(kinds.values()) else "")
    return tuple(found)


def looks_odd(cells: Sequence[str], width: int) -> bool:
    """Whether a row has another width than its table, or a blank after each delimiter as no other row has."""
    if width < _LEAST_WIDTH or not cells:
        return False
    return len(cells) != width or all(cell[:1] == " " for cell in cells[1:])


def with_other_delimiter(raw: str, dialect: Dialect, kinds: Sequence[str], first: bool) -> list[str] | None:
    """The row's cells under the one other delimiter that fits, or None. `first`: the row may be a header."""
    fitting: list[list[str]] = []
    for delimiter in _OTHERS:
        if delimiter != dialect.delimiter and delimiter in raw:
            records = list(
                Splitter(raw, Dialect(delimiter, dialect.quote, dialect.escape), len(kinds)).records()
            )
            if len(records) == 1 and _fits(records[0].cells, kinds, first):
                fitting.append(records[0].cells)
    return fitting[0] if len(fitting) == 1 else None


def _fits(cells: Sequence[str], kinds: Sequence[str], first: bool) -> bool:
    if len(cells) != len(kinds):
        return False
    if first and len(set(cells)) == len(cells) and all(kind_of(cell) in ("word", "words") for cell in cells):
        return True
    typed = [(cell, kind) for cell, kind in zip(cells, kinds, strict=True) if kind and cell]
    return len(typed) > 1 and sum(kind_of(cell) == kind for cell, kind in typed) >= _ALIKE * len(typed)
