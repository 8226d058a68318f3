"""Headers as senders write them, what they put above them, and files without one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from tests.tasks.inbox.sheets import COLUMNS, Fate, Record, Sheet, blank, broken, top

_AT = 17
Defect = Callable[[Sheet], Sheet]


def _named(change: Callable[[str], str]) -> Defect:
    return lambda file: file.put(0, Record(Fate.HEADER, tuple(map(change, file.header.cells))))


def _columns(change: Callable[[tuple[str, ...], bool], tuple[str, ...]]) -> Defect:
    """Each record's cells changed; the flag says which is the header."""
    return lambda file: replace(
        file,
        records=tuple(
            replace(record, cells=change(record.cells, at == 0)) for at, record in enumerate(file.records)
        ),
    )


def _above(*lines: str) -> Defect:
    return lambda file: file.before(0, *map(top, lines))


def _headless(file: Sheet) -> Sheet:
    return replace(file, records=file.rows, has_header=False)


def _padded(file: Sheet) -> Sheet:
    return file.before(0, Record(Fate.HEADER, ("Report", *("",) * (len(file.header.cells) - 1))))


def _groups(file: Sheet) -> Sheet:
    groups = ("Place" if at % 2 == 0 else "" for at in range(len(file.header.cells) - 1))
    return file.before(0, Record(Fate.HEADER, (*groups, "Rest")))


def _over_two_rows(file: Sheet) -> Sheet:
    upper, lower = zip(*(name.split("_") for name in _names_of_two_words(file)), strict=True)
    if file.kind == "sales":
        upper, lower = _insert(upper, "amount"), _insert(lower, "")
    return file.put(0, Record(Fate.HEADER, upper), Record(Fate.HEADER, lower))


def _names_of_two_words(file: Sheet) -> list[str]:
    return [name for name in file.header.cells if "_" in name]


def _insert(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    place = COLUMNS["sales"].index("amount")
    return (*names[:place], name, *names[place:])


def _under(file: Sheet) -> Sheet:
    return file.before(1, Record(Fate.HEADER, ("---",) * len(file.header.cells)))


def _described(file: Sheet) -> Sheet:
    return file.before(1, Record(Fate.BROKEN, ("text", "text", "text", "ISO 8601", "EUR", "text")))


def _misnamed(file: Sheet) -> Sheet:
    return _named(lambda name: name.replace("store_token", "shop"))(file).refused("lacks the column(s) store")


def _without(column: str) -> Defect:
    def change(file: Sheet) -> Sheet:
        place = COLUMNS[file.kind].index(column)
        without = _columns(lambda cells, _: cells[:place] + cells[place + 1 :])(file)
        return without.refused(f"lacks the column(s) {column}")

    return change


def _doubled(file: Sheet) -> Sheet:
    doubled = _columns(lambda cells, _: (*cells, cells[1]))(file)
    return doubled.refused("more than once")


def _of_the_other_kind(file: Sheet) -> Sheet:
    other = "stores" if file.kind == "sales" else "sales"
    return replace(file, name=f"{other}_20250111.csv").refused("no header with the columns")


def _reversed_without_header(file: Sheet) -> Sheet:
    file = _columns(lambda cells, _: cells[::-1])(_headless(file))
    return file.each(lambda record: replace(record, fate=Fate.BROKEN))


def _ambiguous(file: Sheet) -> Sheet:
    commas = len(file.header.cells) - 1
    line = ";".join(f"{letter},{letter}" for letter in "abcdefg"[:commas])
    rows = [broken(f"{line};{line[0]}") for _ in range(30)]
    return replace(file, records=tuple(rows), has_header=False).refused("ambiguous")


def _otherwise_delimited(file: Sheet) -> Sheet:
    names = ":".join(reversed(file.header.cells))
    return file.put(0, top(names)).refused("is not delimited like the rows")


def _json(file: Sheet) -> Sheet:
    named = {name: name.upper() for name in file.header.cells}
    rows = [broken(json.dumps(named | {"store_token": str(at)})) for at in range(30)]
    phrase = "names 6 of the columns" if file.kind == "sales" else "names 3 of the columns"
    return replace(file, records=tuple(rows), has_header=False).refused(phrase)


def _markup(file: Sheet) -> Sheet:
    cells = file.style.delimiter.join(f"{letter}='1'" for letter in "abcdef"[: len(file.header.cells)])
    rows = [broken(f"<row {cells}/>") for _ in range(30)]
    return replace(file, records=tuple(rows), has_header=False).refused("this is XML or HTML")


def _extra_at(place: int) -> Defect:
    return _columns(lambda cells, is_name: (*cells[:place], "till" if is_name else "7", *cells[place:]))


DEFECTS: dict[str, Defect] = {
    "names in capitals": _named(str.upper),
    "names with blanks": _named(lambda name: name.replace("_", " ").title()),
    "names with hyphens": _named(lambda name: name.replace("_", "-")),
    "names with blanks around": _named(lambda name: f" {name} "),
    "names in quotes after a BOM": lambda file: file.styled(encoding="utf-8", bom=True).put(
        0, top(file.style.delimiter.join(f'"{name}"' for name in file.header.cells))
    ),
    "columns in reverse": _columns(lambda cells, _: cells[::-1]),
    "columns rotated": _columns(lambda cells, _: (*cells[2:], *cells[:2])),
    "an extra column first": _extra_at(0),
    "an extra column amid": _extra_at(2),
    "an extra column last": _extra_at(9),
    "an extra empty column": _columns(lambda cells, is_name: (*cells, "note" if is_name else "")),
    "a missing column": _without("store_token"),
    "a doubled column": _doubled,
    "a misspelt column": _misnamed,
    "the header again": lambda file: file.before(_AT, file.header).before(30, file.header),
    "the header again in capitals": lambda file: file.before(
        _AT, Record(Fate.HEADER, tuple(map(str.upper, file.header.cells)))
    ),
    "the header again at the end": lambda file: file.after(file.header),
    "a header alone": lambda file: replace(file, records=file.records[:1]),
    "a header alone without a line's end": lambda file: replace(
        file, records=file.records[:1], ends_with_newline=False
    ),
    "a preamble of a line": _above("Sales of the north"),
    "a preamble of two lines": _above("Report 7", "made 2025-01-12"),
    "a preamble of five lines": _above(*(f"Line {at} of a letter" for at in range(5))),
    "a preamble and a blank line": lambda file: file.before(0, top("Report 7"), blank()),
    "a preamble padded with delimiters": _padded,
    "a preamble that names columns": _above("This report has store_token and amount for each sale."),
    "comments above": _above("# made by export.pl", "# version 3"),
    "the separator told to Excel": lambda file: file.before(0, top(f"sep={file.style.delimiter}")),
    "groups above the names": _groups,
    "names over two rows": _over_two_rows,
    "a rule under the names": _under,
    "no header": _headless,
    "no header and one row": lambda file: _headless(replace(file, records=file.records[:2])),
    "no header and a column too many": lambda file: _extra_at(0)(_headless(file)).refused(
        "no delimiter gives"
    ),
    "no header and a column too few": lambda file: _columns(lambda cells, _: cells[:-1])(
        _headless(file)
    ).refused("no delimiter gives"),
    "no header and a footer": lambda file: _headless(file).after(broken("Total 40")),
    "no header and two delimiters alike": _ambiguous,
    "a header with another delimiter than the rows": _otherwise_delimited,
    "JSON lines": _json,
    "XML": _markup,
    "a file of the other kind": _of_the_other_kind,
    "a file of the other kind without header": lambda file: _of_the_other_kind(_headless(file)),
}
SALES_ONLY: dict[str, Defect] = {
    "a row under the names that describes them": _described,
    "no header and columns in reverse": _reversed_without_header,
}
