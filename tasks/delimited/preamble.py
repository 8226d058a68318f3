"""Where the table begins without a contract: what stands above it, and whether its first record is a header.

Nothing is said that a doubt is left about. A header is certain where its cells are names and the columns below it are
values. What stands above a certain header is no row: titles, notes, `KEY:,value` lines and empty records are its preamble,
a row of groups over the names stays with them. Above a table of text, whose first record may be a row like the others,
only what cannot be a row of it is preamble.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tasks.delimited.cells import VALUES, kind_of
from tasks.delimited.dialect import COMMON
from tasks.delimited.header import SEARCHED, Header

Row = Sequence[str]
_NO_NAMES = (*VALUES, "missing")
_TYPED = 0.8
# A column that fewer rows than this fill needs no name.
_USED = 0.05
_KEY_ENDS = (":", "=")
_LEAST_ROWS = 3
_LEAST_WIDTH = 3
_TITLES = ("words", "sentence")
# More notes than this with three cells or more are a table by themselves.
_WIDE_NOTES = 3


def describe(rows: Sequence[Row], width: int) -> Header:
    """How many records stand before the table's rows, and how many of these are its preamble, where that is beyond doubt."""
    used = _used(rows, width)
    top = _top(rows, used) if width > 1 else 0
    usual = next((at for at, row in enumerate(rows[:SEARCHED]) if len(row) == width), None)
    below_top = next((at for at, row in enumerate(rows[top:SEARCHED], top) if len(row) == width), None)
    for place in (below_top, usual):
        if place is not None and _names_values(rows, place, width, used):
            names = tuple(cell.strip() for cell in rows[place])
            return Header(place + 1, names=names, preamble=_preamble(rows, place) if place == top else 0)
    if top and top == below_top and _stands_off(rows, top, width, used):
        return Header(top, preamble=top)
    return Header(0)


def _used(rows: Sequence[Row], width: int) -> int:
    """The table's columns without those at its end that trailing delimiters make."""
    usual = [row for row in rows if len(row) == width]
    filled = (sum(map(bool, map(str.strip, column))) for column in zip(*usual, strict=True))
    return max((at for at, count in enumerate(filled, 1) if count > _USED * len(usual)), default=width)


def _filled(row: Row) -> list[int]:
    return [at for at, cell in enumerate(row) if cell.strip()]


def _is_key(row: Row) -> bool:
    """Whether a record is a key with its value, such as `#SHOP:,Bonn`."""
    if _filled(row) != [0, 1]:
        return False
    key, value = row[0].strip(), row[1].strip()
    return key.endswith(_KEY_ENDS) and not value.endswith(_KEY_ENDS)


def _is_note(row: Row, used: int) -> bool:
    """Whether a record has too few cells for a row of names."""
    return len(_filled(row)) <= max(1, used // 2) or _is_key(row)


def _top(rows: Sequence[Row], used: int) -> int:
    """How many records on top are notes: less than `SEARCHED`, and as many as the sample has."""
    top = next((at for at, row in enumerate(rows[:SEARCHED]) if not _is_note(row, used)), 0)
    return top if sum(len(_filled(row)) > 2 for row in rows[:top]) <= _WIDE_NOTES else 0


def _are_names(row: Row, used: int) -> bool:
    """Whether a record has a name for each column, all of them different and none of them a value."""
    names = [cell.strip() for cell in row]
    while names and not names[-1]:
        names.pop()
    return (
        len(names) >= used
        and all(names)
        and len(set(names)) == len(names)
        and not any(kind_of(name) in _NO_NAMES for name in names)
    )


def _below(rows: Sequence[Row], place: int, width: int) -> list[Row]:
    return [row for row in rows[place + 1 : place + 1 + SEARCHED] if len(row) == width]


def _names_values(rows: Sequence[Row], place: int, width: int, used: int) -> bool:
    """Whether a record is a header beyond doubt: it has names, and a column below is one of values."""
    below = _below(rows, place, width)
    if not below or not _are_names(rows[place], used):
        return False
    for column in zip(*below, strict=True):
        kinds = Counter(kind for cell in column if (kind := kind_of(cell)))
        if kinds and sum(kinds[kind] for kind in VALUES) > _TYPED * sum(kinds.values()):
            return True
    return False


def _preamble(rows: Sequence[Row], place: int) -> int:
    """How many of the notes above a certain header are no row of groups that belongs to it."""
    groups = 0
    while groups < place and _may_group(rows[place - 1 - groups], len(rows[place])):
        groups += 1
    # Two or more records of a word and a word are a list of keys.
    listed = groups > 1 and all(_filled(row) == [0, 1] for row in rows[place - groups : place])
    return place if listed else place - groups


def _may_group(row: Row, width: int) -> bool:
    """Whether a record may name groups of columns: over all of them, not a title on the left, not a key and its value."""
    filled = _filled(row)
    if len(row) != width or filled in ([], [0]) or _is_key(row):
        return False
    return filled != [0, 1] or kind_of(row[1]) not in VALUES


def _stands_off(rows: Sequence[Row], top: int, width: int, used: int) -> bool:
    """Whether the notes above a table of text are no rows of it: not as wide, or parted from it by an empty record."""
    below = _below(rows, top, width)
    if width < _LEAST_WIDTH or len(below) < _LEAST_ROWS or not _are_names(rows[top], used):
        return False
    if any(_is_note(row, used) for row in rows[top + 1 : top + 1 + SEARCHED]):
        return False
    return not _filled(rows[top - 1]) or all(_is_title(row, width) for row in rows[:top])


def _is_title(row: Row, width: int) -> bool:
    """Whether a record is a line of words, and not one with another delimiter than its table."""
    whole = ",".join(row)
    return (
        len(row) < width
        and kind_of(whole) in _TITLES
        and all(whole.count(sign) != width - 1 for sign in COMMON)
    )
