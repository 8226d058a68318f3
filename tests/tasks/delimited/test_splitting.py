"""The careful splitter: where fields and records end, and what a quote may do."""

from __future__ import annotations

import pytest

from tasks.delimited.splitting import STRAY, UNCLOSED, Dialect, Record, Splitter

STANDARD = Dialect()
BACKSLASH = Dialect(escape="\\")


def split(text: str, dialect: Dialect = STANDARD, width: int = 0) -> list[Record]:
    return list(Splitter(text, dialect, width).records())


def cells(text: str, dialect: Dialect = STANDARD, width: int = 0) -> list[list[str]]:
    return [record.cells for record in split(text, dialect, width)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1,2\n", [["a", "b"], ["1", "2"]]),
        ("a,b\r1,2\r\n3,4\n5,6", [["a", "b"], ["1", "2"], ["3", "4"], ["5", "6"]]),
        ('"a,b",c\n', [["a,b", "c"]]),
        ('"a""b",""\n', [['a"b', ""]]),
        ('"""a""","b"""\n', [['"a"', 'b"']]),
        ('"a\nb",c\n', [["a\nb", "c"]]),
        ('"a\r\nb\r\n",c\r\n', [["a\r\nb\r\n", "c"]]),
        ("a,,\n,,\n", [["a", "", ""], ["", "", ""]]),
        ("a, b ,c\n", [["a", " b ", "c"]]),
        ('a, "b, c" ,d\n', [["a", "b, c", "d"]]),
        ('5" hose,x\n', [['5" hose', "x"]]),
        ('the "good" one,x\n', [['the "good" one', "x"]]),
        ("\n  \n\t\na\n", [[], [], [], ["a"]]),
        ("a\u2028b,c\x0bd\x85\n", [["a\u2028b", "c\x0bd\x85"]]),
    ],
)
def test_fields_and_records(text: str, expected: list[list[str]]) -> None:
    assert cells(text) == expected
    assert {record.flaw for record in split(text)} == {""}


def test_escapes() -> None:
    assert cells('"a\\"b",c\\,d,"e\\\\"\n', BACKSLASH) == [['a"b', "c,d", "e\\"]]
    assert cells("C:\\new,\\N\n", BACKSLASH) == [["C:\\new", "\\N"]]
    assert cells('"C:\\dir\\",b\n') == [["C:\\dir\\", "b"]]
    assert cells('"a^"b",c\n', Dialect(escape="^")) == [['a"b', "c"]]


def test_delimiters_of_several_characters_and_none() -> None:
    assert cells('a~|~"b~|~c"~|~d|e\n', Dialect("~|~")) == [["a", "b~|~c", "d|e"]]
    assert cells("a, b, c\n", Dialect(", ")) == [["a", "b", "c"]]
    assert cells('a,b\n"c\nd"\n', Dialect(None)) == [["a,b"], ["c\nd"]]
    assert cells("a\t\tb\n\t\t\n", Dialect("\t")) == [["a", "", "b"], ["", "", ""]]


@pytest.mark.parametrize(
    ("text", "expected", "flaw"),
    [
        ('1,"the "good" one, red",3\n', ["1", 'the "good" one, red', "3"], STRAY),
        ('1,"hose"",3\n"x","y","z"\n', ["1", 'hose"', "3"], STRAY),
        ('1,"hose,3\n4,5,6\n', ["1", '"hose', "3"], UNCLOSED),
    ],
)
def test_a_stray_quote_is_told_and_stays_on_its_line(text: str, expected: list[str], flaw: str) -> None:
    first, *others = split(text, width=3)
    assert (first.cells, first.lines, first.flaw) == (expected, 1, flaw)
    assert all(len(other.cells) == 3 and not other.flaw for other in others)


def test_an_unclosed_quote_swallows_nothing() -> None:
    lines = [f"{at},name {at},x{at},{at}.5\n" for at in range(50)]
    for end in ("", '7,"quoted, well",x,1\n', '8,12",x,1\n', '9,x,y,"z"\n'):
        broken = [*lines[:10], '10,"name,x,1.5\n', *lines[11:], end]
        records = [record for record in split("".join(broken), width=4) if record.cells]
        assert len(records) == 50 + bool(end)
        assert [record.line for record in records if record.flaw] == [10]
        assert records[11].cells == ["11", "name 11", "x11", "11.5"]


def test_a_field_of_lines_that_are_no_records_is_one_field() -> None:
    poem = "\n".join(f"line {at}, of a poem" for at in range(300))
    assert cells(f'1,"{poem}",x,y\n2,3,4,5\n', width=4) == [["1", poem, "x", "y"], ["2", "3", "4", "5"]]


def test_a_wider_row_keeps_its_lines_together() -> None:
    assert cells('1,2,3\n1,2,"a\nb",4\n', width=3) == [["1", "2", "3"], ["1", "2", "a\nb", "4"]]


@pytest.mark.parametrize(
    ("text", "complete", "consumed"),
    [
        ("a,b\n1,2", 1, 4),
        ('a,b\n"1\n2', 1, 4),
        ('a,b\n1,"2"', 1, 4),
        ("a,b\r", 0, 0),
        ("a,b\r\n1,2\r", 1, 5),
    ],
)
def test_of_a_text_that_goes_on_only_whole_records_are_taken(text: str, complete: int, consumed: int) -> None:
    splitter = Splitter(text, Dialect(), 2, final=False)
    assert len(list(splitter.records())) == complete
    assert splitter.consumed == consumed


def test_places_and_lines() -> None:
    text = 'a,b\r\n\r\n"1\r\n1",2\r\n3,4'
    found = [(record.start, record.end, record.line, record.lines) for record in split(text)]
    assert found == [(0, 3, 0, 1), (5, 5, 1, 1), (7, 15, 2, 2), (17, 20, 4, 1)]
