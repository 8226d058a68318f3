"""Where a contract's table begins: the header among preamble lines, recognised by the contract's names and by nothing else.

`preamble.py` says where it begins without a contract.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.delimited.cells import VALUES, kind_of
from tasks.errors import DataError

# A header stands in the first records or nowhere.
SEARCHED = 100
_LEAST_SHARE = 0.5
_SIGNS = re.compile(r"[^\w\s.\-]+")
_LINE_END = re.compile(r"\r\n|\r|\n")
_SMALL = bytes(range(256)).lower()
_BETWEEN = bytes([*range(0x21), *b"_-.", *range(0x7F, 0x100)])
_RULE = re.compile(r"[-=_+:\s]*")


class ColumnsMissing(DataError):
    """A header lacks columns. `without_cells` is the message without the header's cells, which may be a row's by mistake."""

    without_cells = ""


@dataclass(frozen=True)
class Header:
    """`records`: how many belong to preamble and header together, blank ones not counted. `places`: where the contract's
    columns are in a record. `extra`: names of columns that the contract does not have. `preamble`: how many of the records,
    the first ones, a reading without a contract keeps apart from its rows."""

    records: int
    places: tuple[int, ...] = ()
    extra: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    preamble: int = 0


class HeaderAgain:
    """Finds further headers, as joined files have them."""

    def __init__(self, columns: Sequence[str], places: Sequence[int]) -> None:
        self.names, self._places = list(map(normalised, columns)), tuple(places)
        self._words = {max(name.split("_"), key=len) for name in self.names}
        self._together = [_run_together(name.encode()) if name.isascii() else b"" for name in self.names]

    def any_in(self, data: bytes) -> bool:
        """Whether a name may be among values. They hold words of names at times, but hardly a name."""
        together = _run_together(data)
        return any(name in together for name in self._together)

    def all_in(self, data: bytes) -> bool:
        together = _run_together(data)
        return all(name in together for name in self._together)

    def is_at(self, cells: Sequence[str], raw: str, where: str) -> bool:
        """Whether a record is a header. Raises DataError for one under which values would come into other columns."""
        lowered = raw.casefold()
        if not all(word in lowered for word in self._words):
            return False
        found = [normalised(cell) for cell in cells]
        if not set(self.names) <= set(found):
            return False
        if [found[place] for place in self._places if place < len(found)] != self.names:
            raise DataError(
                f"{where} is a second header, with the columns in another order than the first. Files were joined: ask the "
                "sender for each by itself."
            )
        return True


def _run_together(data: bytes) -> bytes:
    """Small letters without what may stand between or around the words of a name."""
    return data.translate(_SMALL, _BETWEEN)


def normalised(name: str) -> str:
    """A column's name as contracts write it: no BOM, case, blanks or hyphens."""
    return re.sub(r"[\s_\-.]+", "_", name.replace("\ufeff", "").strip().strip("\"'`").strip()).casefold()


def find_by_names(rows: Sequence[Sequence[str]], columns: Sequence[str], name: str) -> Header | None:
    """The header with a contract's names. None where no record looks like one; DataError where one lacks a column."""
    wanted = [normalised(column) for column in columns]
    nearest: tuple[int, int, list[str]] = (0, 0, [])
    for place, row in enumerate(rows[:SEARCHED]):
        found = [normalised(cell) for cell in row]
        joined = _joined(found, rows[place + 1]) if place + 1 < len(rows) else []
        for names, taken in ((found, 1), (joined, 2)):
            if set(wanted) <= set(names):
                _refuse_rows_above(rows[:place], len(row), name)
                return _header(rows, place + taken, names, wanted, name)
        known = len(set(wanted) & set(found))
        if known > nearest[0]:
            nearest = (known, place, found)
    known, place, found = nearest
    if known >= max(2, len(wanted) * _LEAST_SHARE) or (known and len(wanted) == 2):
        missing = [column for column in columns if normalised(column) not in found]
        raise _columns_missing(name, place + 1, missing, list(filter(None, found)))
    return None


def refuse_part_of_header(rows: Sequence[Sequence[str]], columns: Sequence[str], name: str) -> None:
    """Refuse a file without a header if its first record has a contract's name as a cell, which no value is: that is a
    header without the other names. What is above the first record counts too, but for a title of one cell."""
    wanted = {normalised(column) for column in columns}
    for record, row in enumerate(rows[:SEARCHED], 1):
        found = list(filter(None, map(normalised, row)))
        if len(found) > 1 and not wanted.isdisjoint(found):
            missing = [column for column in columns if normalised(column) not in found]
            raise _columns_missing(name, record, missing, found)
        if len(row) >= len(wanted) and len(found) > len(wanted) / 2:
            return


def _refuse_rows_above(above: Sequence[Sequence[str]], width: int, name: str) -> None:
    """Refuse a file whose header comes after rows, as when a file without one was joined with it: they would be preamble.

    A record that fills every column is a row if it has a number or a date, or if there are several.
    """
    full = [row for row in above if len(row) == width and all(map(str.strip, row))]
    if len(full) > 1 or any(kind_of(cell) in VALUES for row in full for cell in row):
        raise DataError(
            f"{name}: {len(full)} record(s) above the header look like rows. Were a file without a header and one "
            "with a header joined? Split the file, or remove what stands above the header."
        )


def _columns_missing(name: str, record: int, missing: Sequence[str], found: Sequence[str]) -> ColumnsMissing:
    lacks = f"{name}: the header (record {record}) lacks the column(s) {', '.join(missing)}"
    advice = "Ask the sender for the missing columns, or pin the feed's columns."
    error = ColumnsMissing(f"{lacks}; it has {', '.join(found)}. {advice}")
    error.without_cells = f"{lacks}. {advice}"
    return error


def refuse_names_beside(sample: str, columns: Sequence[str], name: str) -> None:
    """Refuse a file whose names are delimited otherwise than its rows: the order of its columns would be ignored."""
    wanted = {normalised(column) for column in columns}
    for number, line in enumerate(_LINE_END.split(sample)[:SEARCHED], 1):
        known = wanted & {normalised(word) for word in (*_SIGNS.split(line), *line.split())}
        if len(known) >= max(2, len(wanted) * _LEAST_SHARE):
            raise DataError(
                f"{name}: line {number} names {len(known)} of the columns {', '.join(columns)}, but is not delimited like "
                "the rows. Ask the sender for one delimiter, or pin the feed."
            )


def _joined(upper: list[str], lower: Sequence[str]) -> list[str]:
    """The names of a header of two rows: the names above and below each other."""
    if len(upper) != len(lower):
        return []
    return [
        normalised(f"{one}_{two}") if one and two else one or normalised(two)
        for one, two in zip(upper, lower, strict=True)
    ]


def _header(
    rows: Sequence[Sequence[str]], after: int, names: list[str], wanted: list[str], name: str
) -> Header:
    times = Counter(names)
    if twice := [each for each in wanted if times[each] > 1]:
        raise DataError(
            f"{name}: the header has {', '.join(twice)} more than once. Ask the sender which counts."
        )
    # A rule under the names (---,---) belongs to the header.
    while (
        after < len(rows)
        and all(_RULE.fullmatch(cell) for cell in rows[after])
        and any(map(str.strip, rows[after]))
    ):
        after += 1
    # Names end where trailing delimiters begin.
    while names[-1] == "":
        names = names[:-1]
    extra = tuple(each for each in names if each and each not in wanted)
    return Header(after, tuple(names.index(each) for each in wanted), extra, tuple(names))
