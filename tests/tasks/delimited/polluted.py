"""A table and the many ways in which senders spoil it, each with the cells that a careful reader still finds."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

Row = list[str]


@dataclass(frozen=True)
class Polluted:
    """A file. `rows`: all its records that are not blank. `delimiter`, `quote`, `header_lines` None: not judged."""

    kind: str
    content: bytes
    rows: list[Row]
    delimiter: str | None = ","
    quote: str | None = '"'
    encoding: str = "utf-8"
    header_lines: int | None = 1
    # Whether every cell must come out; otherwise two readings are defensible, and only the records count.
    exact: bool = True


@dataclass(frozen=True)
class Writing:
    """How a table is written."""

    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    newline: str = "\n"
    always: bool = False
    special: str = field(default="\r\n")


def base(rows: int = 84, seed: int = 7) -> list[Row]:
    """Orders of a shop: dates, times, prices, quoted text with commas, quotes and line breaks, addresses, empty cells."""
    rng = random.Random(seed)
    goods = ["pump", "valve, brass", 'hose 1/2"', "gasket", 'the "good" one', "Köder", "filter; fine", "nut"]
    notes = [
        "",
        "",
        "call first",
        "paid, shipped",
        "line one\nline two",
        "don't bend",
        "a|b",
        "50% off: today",
    ]
    table = [["Date", "Time", "Qty", "ProductId", "Price", "Type", "Description", "Url", "Comments"]]
    for number in range(rows):
        table.append(
            [
                f"{rng.randint(1, 28):02}/{rng.randint(1, 12):02}/2022",
                f"{rng.randint(1, 12)}:{rng.randint(0, 59):02} PM",
                str(rng.randint(1, 40)),
                f"SX-{number:03}",
                f"{rng.randint(1, 90000) / 100:.2f}",
                rng.choice(goods),
                f"{rng.choice(goods)} of lot {number}, checked",
                f"http://shop.example/p?id={number}&c={rng.randint(1, 9)}",
                rng.choice(notes),
            ]
        )
    return table


def line(row: Sequence[str], how: Writing) -> str:
    """One record without its line end."""
    return how.delimiter.join(_cell(cell, how) for cell in row)


def _cell(cell: str, how: Writing) -> str:
    special = (how.delimiter, how.quote, "\r", "\n")
    if not how.always and not any(sign in cell for sign in special) and how.escape not in cell:
        return cell
    escaped = cell.replace(how.escape, how.escape * 2) if how.escape != how.quote else cell
    return how.quote + escaped.replace(how.quote, how.escape + how.quote) + how.quote


def text(rows: Sequence[Sequence[str]], how: Writing = Writing()) -> str:
    return "".join(line(row, how) + how.newline for row in rows)


def files(rows: int = 84) -> Iterator[Polluted]:
    """One file of every kind of defect."""
    table = base(rows)
    for family in (_dialects, _line_ends, _encodings, _tops, _ragged, _quotes, _blanks, _shapes):
        yield from family(table)


def _dialects(table: list[Row]) -> Iterator[Polluted]:
    named = {
        ",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", " ": "blank", ":": "colon", "^": "caret", "~": "tilde",
        "#": "hash", "\x01": "control A", "\x1f": "unit separator", "§": "section", "*": "star", "!": "bang", "=": "equals",
        ", ": "comma blank", "||": "two pipes", "::": "two colons", "~|~": "tilde pipe tilde", " | ": "padded pipe",
        ";;": "two semicolons", "&&": "two ampersands", "|;|": "pipe semicolon pipe",
    }  # fmt: skip
    for delimiter, name in named.items():
        how = Writing(delimiter=delimiter)
        yield Polluted(f"delimiter {name}", text(table, how).encode(), table, delimiter)
    for quote, name in (("'", "apostrophe"), ("`", "backtick")):
        yield Polluted(
            f"quote {name}", text(table, Writing(quote=quote, escape=quote)).encode(), table, quote=quote
        )
        how = Writing(";", quote, quote, always=True)
        yield Polluted(f"quote {name} everywhere, semicolon", text(table, how).encode(), table, ";", quote)
    for escape, name in (("\\", "backslash"), ("^", "caret"), ("~", "tilde")):
        yield Polluted(f"escape {name}", text(table, Writing(escape=escape)).encode(), table)
    for delimiter in (",", ";", "\t", "|"):
        how = Writing(delimiter, always=True)
        yield Polluted(f"all quoted {delimiter!r}", text(table, how).encode(), table, delimiter)
    decimal = [[cell.replace(".", ",") if at == 4 else cell for at, cell in enumerate(row)] for row in table]
    yield Polluted("decimal commas", text(decimal, Writing(";")).encode(), decimal, ";")


def _line_ends(table: list[Row]) -> Iterator[Polluted]:
    for newline, name in (("\r\n", "CRLF"), ("\r", "CR"), ("\r\r\n", "CRCRLF"), ("\n\r", "LFCR")):
        yield Polluted(f"line end {name}", text(table, Writing(newline=newline)).encode(), table)
    mixed = "".join(line(row, Writing()) + ("\n", "\r\n", "\r")[at % 3] for at, row in enumerate(table))
    yield Polluted("line ends mixed", mixed.encode(), table)
    odd = "".join(line(row, Writing()) + ("\r\n" if at == 20 else "\n") for at, row in enumerate(table))
    yield Polluted("one CRLF among LF", odd.encode(), table)
    yield Polluted("no last line end", text(table).rstrip("\n").encode(), table)
    yield Polluted("two last line ends", (text(table) + "\n\n").encode(), table)
    yield Polluted("Ctrl-Z at the end", (text(table) + "\x1a").encode(), [*table, ["\x1a"]])


def _encodings(table: list[Row]) -> Iterator[Polluted]:
    plain = text(table)
    yield Polluted("UTF-8 with BOM", b"\xef\xbb\xbf" + plain.encode(), table, encoding="utf-8 with BOM")
    for name, bom in (("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff"), ("utf-32-le", b"\xff\xfe\0\0")):
        yield Polluted(f"{name} with BOM", bom + plain.encode(name), table, encoding=f"{name} with BOM")
        yield Polluted(f"{name} without BOM", plain.encode(name), table, encoding=name)
    yield Polluted("Latin-1", plain.encode("latin-1"), table, encoding="latin-1")
    euro = [*table, [*table[1][:4], "5 €", *table[1][5:]]]
    yield Polluted("Windows-1252", text(euro).encode("cp1252"), euro, encoding="windows-1252")
    late = [*table[:50], [*table[50][:8], "ÿ"]]
    ascii_first = [[cell.replace("ö", "o") for cell in row] for row in late]
    ascii_first[-1][8] = "Å"
    yield Polluted(
        "Latin-1 in the last line only", text(ascii_first).encode("latin-1"), ascii_first, encoding="latin-1"
    )
    yield Polluted("gzip", gzip.compress(plain.encode()), table)


def _tops(table: list[Row]) -> Iterator[Polluted]:
    plain = text(table)
    yield Polluted("no header", text(table[1:]).encode(), table[1:], header_lines=0)
    for lines in (1, 3, 8):
        top = [[f"Report {at} of the sales office"] for at in range(lines)]
        yield Polluted(
            f"preamble of {lines}", (text(top) + plain).encode(), [*top, *table], header_lines=lines + 1
        )
    top = [["Sales report, 2022"], ["Created: 2022-12-31"]]
    yield Polluted(
        "preamble and blank line", (text(top) + "\n" + plain).encode(), [*top, *table], header_lines=3
    )
    commas = [["Report", "", "", "", "", "", "", "", ""]]
    yield Polluted("preamble padded", (text(commas) + plain).encode(), [*commas, *table], header_lines=None)
    for lines in (2, 3):
        double = [table[0], *([["of order"] * 9] * (lines - 1)), *table[1:]]
        yield Polluted(f"header of {lines} rows", text(double).encode(), double, header_lines=None)
    again = [*table[:40], table[0], *table[40:]]
    yield Polluted("header repeated", text(again).encode(), again)
    comments = [["# made by export.pl"], ["# version 3"]]
    yield Polluted("comment lines", (text(comments) + plain).encode(), [*comments, *table], header_lines=3)
    foot = [["Total", str(len(table) - 1)]]
    yield Polluted("footer", (plain + text(foot)).encode(), [*table, *foot])
    yield Polluted("header alone", text(table[:1]).encode(), table[:1], header_lines=None)
    yield Polluted("header and one row", text(table[:2]).encode(), table[:2], header_lines=None)
    yield Polluted("header and two rows", text(table[:3]).encode(), table[:3], header_lines=None)
    yield Polluted("0 bytes", b"", [], header_lines=0, delimiter=None)
    yield Polluted("a line end alone", b"\n", [], header_lines=0, delimiter=None)
    for other, name in ((table[:30], "same"), ([row[:5] for row in table[:30]], "narrower")):
        both = [*table, *other]
        yield Polluted(f"second table, {name}", (plain + "\n" + text(other)).encode(), both)
    wider = [[*row, "x", "y"] for row in table[1:20]]
    yield Polluted("second table, wider", (plain + "\n" + text(wider)).encode(), [*table, *wider])


def _ragged(table: list[Row]) -> Iterator[Polluted]:
    for at in (0, 1, 40, len(table) - 1):
        less = [*table[:at], table[at][:-1], *table[at + 1 :]]
        yield Polluted(f"one field less in row {at}", text(less).encode(), less, header_lines=None)
        more = [*table[:at], [*table[at][:3], "", *table[at][3:]], *table[at + 1 :]]
        yield Polluted(f"one field more in row {at}", text(more).encode(), more, header_lines=None)
    trailing = "".join(line(row, Writing()) + ",\n" for row in table)
    yield Polluted("trailing delimiters", trailing.encode(), [[*row, ""] for row in table], header_lines=None)
    body = text(table[:1]) + "".join(line(row, Writing()) + ",\n" for row in table[1:])
    yield Polluted("trailing delimiters but in the header", body.encode(), [table[0], *([*row, ""] for row in table[1:])],
                   header_lines=None)  # fmt: skip
    lengths = [row[: 9 - at % 4] for at, row in enumerate(table)]
    yield Polluted("rows of four lengths", text(lengths).encode(), lengths, header_lines=None)
    for sign, name in ((";", "semicolon"), ("\t", "tab"), ("|", "pipe"), (", ", "comma blank")):
        plain_row = [cell.replace("\n", " ").replace(",", "").replace('"', "") for cell in table[30]]
        rows = [*table[:30], plain_row, *table[31:]]
        written = text(rows[:30]) + line(plain_row, Writing(sign)) + "\n" + text(rows[31:])
        yield Polluted(f"one row with {name}", written.encode(), rows)


def _quotes(table: list[Row]) -> Iterator[Polluted]:
    def with_line(at: int, change: Callable[[Row], str]) -> bytes:
        return (text(table[:at]) + change(table[at]) + "\n" + text(table[at + 1 :])).encode()

    clean = [cell.replace("\n", " ").replace('"', "").replace(",", "") for cell in table[30]]
    rows = [*table[:30], clean, *table[31:]]

    def put(place: int, shown: str, value: str) -> tuple[bytes, list[Row]]:
        cells = [line([cell], Writing()) for cell in clean]
        cells[place] = shown
        new = [*clean[:place], value, *clean[place + 1 :]]
        return with_line(30, lambda _: ",".join(cells)), [*rows[:30], new, *rows[31:]]

    for name, place, shown, value in (
        ("inch mark within a field", 5, '5" hose', '5" hose'),
        ("inch mark at a field's end", 5, 'hose 5"', 'hose 5"'),
        ("quoted word within a field", 5, 'the "good" one', 'the "good" one'),
        ("stray quote within a quoted field", 5, '"the "good" one, red"', 'the "good" one, red'),
        ("quote too many at a field's end", 5, '"hose""', 'hose"'),
        ("unclosed quote", 5, '"hose', '"hose'),
        ("unclosed quote in the last field", 8, '"note', '"note'),
        ("blanks around quotes", 5, ' "hose, red" ', "hose, red"),
        ("apostrophes as text", 5, "'hose'", "'hose'"),
    ):
        content, expected = put(place, shown, value)
        yield Polluted(name, content, expected)
    every = [[*row[:5], 'the "big" one', *row[6:]] for row in table]
    every[0] = table[0]
    shown = [line(row, Writing()).replace('"the ""big"" one"', '"the "big" one"') for row in every]
    yield Polluted("stray quotes in every row", ("\n".join(shown) + "\n").encode(), every)
    inches = [[*row[:5], f'{at}" hose', *row[6:]] for at, row in enumerate(table)]
    shown = [line(row, Writing()).replace(f'"{at}"" hose"', f'{at}" hose') for at, row in enumerate(inches)]
    yield Polluted("inch marks in every row", ("\n".join(shown) + "\n").encode(), inches)
    long = [*rows[:30], [*clean[:8], "\n".join(f"line {at}, of many" for at in range(200))], *rows[31:]]
    yield Polluted("a field of 200 lines", text(long).encode(), long)
    unquoted = [[cell.replace("\n", " ").replace(",", " ").replace('"', "") for cell in row] for row in table]
    yield Polluted("no quotes at all", text(unquoted).encode(), unquoted)


def _blanks(table: list[Row]) -> Iterator[Polluted]:
    plain = text(table)
    yield Polluted("blank lines on top", ("\n\n\n" + plain).encode(), table)
    yield Polluted("blank line after each", text(table, Writing(newline="\n\n")).encode(), table)
    yield Polluted("lines of blanks", (text(table[:20]) + "   \n\t\n" + text(table[20:])).encode(), table)
    empties = [[""] * 9] * 5
    yield Polluted("rows of delimiters at the end", (plain + text(empties)).encode(), [*table, *empties])
    yield Polluted(
        "rows of delimiters on top", (text(empties) + plain).encode(), [*empties, *table], header_lines=None
    )
    sparse = [row if at % 3 == 0 else [*row[:1], *([""] * 8)] for at, row in enumerate(table)]
    yield Polluted("mostly empty cells", text(sparse).encode(), sparse, header_lines=None)
    column = [[*row[:4], "", *row[5:]] for row in table[1:]]
    yield Polluted("an empty column", text([table[0], *column]).encode(), [table[0], *column])


def _shapes(table: list[Row]) -> Iterator[Polluted]:
    one = [[row[3]] for row in table]
    yield Polluted("one column", text(one).encode(), one, delimiter=None, header_lines=None)
    prose = [[row[6]] for row in table]
    unquoted = "".join(row[0] + "\n" for row in prose)
    yield Polluted(
        "one column of prose", unquoted.encode(), prose, delimiter=None, header_lines=None, exact=False
    )
    times = [[f"2022-01-{at % 28 + 1:02} 10:{at % 60:02}:00"] for at in range(60)]
    yield Polluted("one column of times", text(times).encode(), times, delimiter=None, header_lines=0)
    two = [[row[3], row[4]] for row in table]
    yield Polluted("two columns", text(two).encode(), two)
    yield Polluted("two columns, semicolon", text(two, Writing(";")).encode(), two, ";")
    wide = [[*row, *(str(at) for at in range(200))] for row in table]
    yield Polluted("209 columns", text(wide).encode(), wide, header_lines=None)
    numbers = [[str(at * place) for place in range(1, 7)] for at in range(1, 60)]
    yield Polluted("numbers alone", text(numbers).encode(), numbers, header_lines=0)
    yield Polluted("numbers alone, blank", text(numbers, Writing(" ")).encode(), numbers, " ", header_lines=0)
    paths = [[f"usr{at}", "x", str(at), f"/home/usr{at}", "/bin/sh"] for at in range(40)]
    yield Polluted("passwd", text(paths, Writing(":")).encode(), paths, ":", header_lines=0)
    names = [[f"name {at}", f"town, {at}"] for at in range(40)]
    yield Polluted("text alone", text(names).encode(), names, header_lines=0)
