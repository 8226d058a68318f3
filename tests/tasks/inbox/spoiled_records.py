"""Rows, quotes and line ends as senders spoil them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.tasks.inbox.sheets import Fate, Record, Sheet, blank, broken, sheet

_AT = 17
Defect = Callable[[Sheet], Sheet]


def _last_column(sheet: Sheet) -> str:
    return "user_role" if sheet.kind == "sales" else "store_name"


def _trailing(records: Callable[[int], bool], fields: int = 1) -> Defect:
    def change(file: Sheet) -> Sheet:
        more = ("",) * fields
        return replace(
            file,
            records=tuple(
                replace(record, cells=(*record.cells, *more)) if records(at) else record
                for at, record in enumerate(file.records)
            ),
        )

    return change


def _other_width(file: Sheet, at: int, change: Callable[[tuple[str, ...]], tuple[str, ...]]) -> Sheet:
    record = file.records[at]
    return file.put(at, Record(Fate.BROKEN, change(record.cells)))


def _short(*places: int, of: int = 40) -> Defect:
    def change(file: Sheet) -> Sheet:
        file = sheet(file.kind, file.style, of)
        for at in places:
            file = _other_width(file, at, lambda cells: cells[:-1])
        return file

    return change


def _shown(column: str, shown: str, value: str | None) -> Defect:
    """One field as it stands in the file; None: its row is broken."""

    def change(file: Sheet) -> Sheet:
        column_ = column or _last_column(file)
        raw = file.raw(_AT, column_, shown)
        if value is None:
            return file.put(_AT, broken(raw)).broken(_AT + 2, "store_token", "")
        written = file.written(_AT, column_, value, value)
        return written.put(_AT, replace(written.records[_AT], raw=raw))

    return change


def _unclosed(at: int) -> Defect:
    def change(file: Sheet) -> Sheet:
        place = at if at > 0 else len(file.records) - 1
        return file.put(place, broken(file.raw(place, _last_column(file), '"never closed')))

    return change


def _escaped(file: Sheet) -> Sheet:
    file = file.styled(escape="\\", quote='"')
    for at in range(3, 36, 4):
        value = f'the "{at}" one'
        file = file.written(at, _last_column(file), value, value)
    return file


def _inner_quotes(file: Sheet) -> Sheet:
    for at in range(3, 36, 4):
        value = f'"{at}" as they call it'
        file = file.written(at, _last_column(file), value, value)
    return file


def _other_delimiter(file: Sheet) -> Sheet:
    other = "|" if file.style.delimiter != "|" else ";"
    return file.put(_AT, broken(other.join(file.records[_AT].cells)))


def _mixed(file: Sheet) -> Sheet:
    ends = ("\n", "\r\n", "\r")
    return replace(
        file,
        records=tuple(replace(each, end=ends[at % 3]) for at, each in enumerate(file.records)),
    )


def _doubled_ends(file: Sheet) -> Sheet:
    """CR CR LF: what Windows makes of a file that has CR LF already."""
    records = (
        part for each in file.records for part in (replace(each, end="\r"), replace(blank(), end="\r\n"))
    )
    return replace(file, records=tuple(records))


def _broken_utf8(file: Sheet) -> Sheet:
    raw = file.styled(encoding="utf-8").raw(_AT, _last_column(file), "caf\udce9")
    return file.styled(encoding="utf-8", bom=True).put(_AT, broken(raw))


def _all_broken(column: str, text: str) -> Defect:
    def change(file: Sheet) -> Sheet:
        for at in range(1, len(file.records)):
            file = file.broken(at, column, text)
        return file

    return change


DEFECTS: dict[str, Defect] = {
    "nothing is wrong": lambda file: file,
    "one row": lambda file: replace(file, records=file.records[:2]),
    "a row twice": lambda file: file.before(_AT, file.records[_AT]),
    "a field too few": _short(_AT),
    "a field too many": lambda file: _other_width(file, _AT, lambda cells: (*cells[:1], "more", *cells[1:])),
    "rows cut after their first field": lambda file: _other_width(file, _AT, lambda cells: cells[:1]),
    "a row of delimiters": lambda file: file.before(_AT, Record(Fate.BROKEN, ("",) * len(file.header.cells))),
    "4% ragged": _short(11, 31, of=50),
    "5% ragged": _short(11, 31, of=40),
    "6% ragged": _short(11, 21, 31, of=50),
    "a row with another delimiter": _other_delimiter,
    "trailing delimiters": _trailing(lambda at: True),
    "two trailing delimiters": _trailing(lambda at: True, 2),
    "trailing delimiters but in the header": _trailing(lambda at: at > 0),
    "trailing delimiters on some rows": _trailing(lambda at: at in (5, 6, 30)),
    "a trailing delimiter in the header alone": _trailing(lambda at: at == 0),
    "every field in quotes": lambda file: file.styled(always=True),
    "every field in apostrophes": lambda file: file.styled(always=True, quote="'", escape="'"),
    "quotes escaped by a backslash": _escaped,
    "quotes doubled": _inner_quotes,
    "blanks around quotes": _shown("", ' "as told" ', "as told"),
    "an inch mark": _shown("", '5" hose', '5" hose'),
    "an inch mark at the end": _shown("", 'hose 5"', 'hose 5"'),
    "empty quotes": lambda file: _shown("store_token", '""', None)(file),
    "a stray quote in quotes": _shown("", '"the "good" one"', None),
    "a quote never closed": _unclosed(_AT),
    "a quote never closed in the last row": _unclosed(-1),
    "a quote never closed in the first row": _unclosed(1),
    "a blank line on top": lambda file: file.before(0, blank()),
    "blank lines in the middle": lambda file: file.before(_AT, blank(), blank()),
    "blank lines at the end": lambda file: file.after(blank(), blank(), blank()),
    "a blank line after each": lambda file: replace(
        file, records=tuple(part for each in file.records for part in (each, blank()))
    ),
    "lines of blanks": lambda file: file.before(_AT, blank("   "), blank(" ")),
    "line ends CRLF": lambda file: file.styled(newline="\r\n"),
    "line ends CR": lambda file: file.styled(newline="\r"),
    "line ends mixed": _mixed,
    "line ends CR CR LF": _doubled_ends,
    "no last line end": lambda file: replace(file, ends_with_newline=False),
    "a NUL in a row": lambda file: file.put(_AT, broken(file.raw(_AT, _last_column(file), "ab\0cd"))),
    "a block of NULs at the end": lambda file: file.after(replace(broken("\0" * 64), end="")),
    "Ctrl-Z at the end": lambda file: file.after(replace(broken("\x1a"), end="")),
    "a footer": lambda file: file.after(broken(f"Total{file.style.delimiter}40")),
    "a comment among the rows": lambda file: file.before(_AT, broken("# closed early")),
    "broken UTF-8 in a row": _broken_utf8,
}
SALES_ONLY: dict[str, Defect] = {
    "every amount with a decimal comma": _all_broken("amount", "1,50"),
    "every date of another country": _all_broken("transaction_time", "11/01/2025 10:00"),
}
