"""Any table in any dialect, encoding and line end comes back cell by cell; Python's csv reads the same where it can."""

from __future__ import annotations

import csv
import io
import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.delimited import standard
from tasks.delimited.planning import Pin
from tasks.delimited.reader import opened
from tasks.errors import DataError
from tests.tasks.delimited.polluted import Row, Writing, text

NAMES = ("store", "amount", "note")
CELLS = st.text(
    st.one_of(
        st.sampled_from(list("ab 1,;|\t\"'\\.~^é€\r\n")), st.characters(min_codepoint=33, max_codepoint=0x24F)
    ),
    max_size=8,
).filter(
    lambda cell: (
        cell.strip() == cell and "\x7f" not in cell and not any("\x80" <= sign < "\xa0" for sign in cell)
    )
)
TABLES = st.lists(
    st.tuples(st.text("abc", min_size=1, max_size=5), st.integers(0, 99).map(str), CELLS),
    min_size=1,
    max_size=12,
)
DIALECTS = st.builds(
    Writing,
    delimiter=st.sampled_from([",", ";", "\t", "|", "^", "~|~"]),
    quote=st.sampled_from(['"', "'"]),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    always=st.booleans(),
)
CODECS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])


def as_file(rows: list[Row], how: Writing, codec: str) -> bytes:
    return text([list(NAMES), *rows], how).encode(codec, "strict")


def read_with_pin(content: bytes, how: Writing, codec: str) -> list[Row]:
    pin = Pin(NAMES, how.delimiter, how.quote, how.escape, encoding="cp1252" if codec == "cp1252" else None)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.csv"
        path.write_bytes(content)
        with opened(path, columns=NAMES, pin=pin) as reading:
            found: list[Row] = []
            for batch, rejects in reading.pieces():
                assert rejects == []
                found += [[row[name] for name in NAMES] for row in batch.to_pylist()]
    return found


@settings(max_examples=200, deadline=None)
@given(TABLES, DIALECTS, CODECS, st.booleans())
def test_what_is_written_is_read_with_the_dialect_given(
    table: list[tuple[str, str, str]], how: Writing, codec: str, backslash: bool
) -> None:
    how = Writing(how.delimiter, how.quote, "\\" if backslash else how.quote, how.newline, how.always)
    rows = [list(row) for row in table]
    try:
        content = as_file(rows, how, codec)
    except UnicodeEncodeError:
        return
    assert read_with_pin(content, how, codec) == rows
    if codec == "utf-8" and len(how.delimiter) == 1:
        doubled = how.escape == how.quote
        oracle = csv.reader(
            io.StringIO(content.decode(), newline=""),
            delimiter=how.delimiter,
            quotechar=how.quote,
            doublequote=doubled,
            escapechar=None if doubled else "\\",
        )
        assert list(oracle) == [list(NAMES), *rows]


@settings(max_examples=100, deadline=None)
@given(
    TABLES,
    DIALECTS.filter(lambda how: how.delimiter in ",;\t|"),
    CODECS.filter(lambda codec: codec != "cp1252"),
)
def test_what_is_written_is_read_by_the_contracts_names_alone(
    table: list[tuple[str, str, str]], how: Writing, codec: str
) -> None:
    """No dialect is told. Where several readings are possible, no line may be lost: it is a row, a reject or a blank."""
    how = Writing(how.delimiter, how.quote, how.quote, how.newline, always=True)
    rows = [list(row) for row in table]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.csv"
        path.write_bytes(as_file(rows, how, codec))
        with opened(path, columns=NAMES) as reading:
            found = [
                [row[name] for name in NAMES] for batch, _ in reading.pieces() for row in batch.to_pylist()
            ]
    assert found == rows
    assert (reading.plan.dialect.delimiter, reading.account.header_lines) == (how.delimiter, 1)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(CELLS, min_size=1, max_size=5), max_size=10))
def test_the_benchmarks_output_is_standard_csv(table: list[list[str]]) -> None:
    written = "".join(map(standard, table))
    assert list(csv.reader(io.StringIO(written, newline=""), strict=True)) == table


PIECES = st.sampled_from([*"a1,;'\"\n\r \t\\\0é", "\r\n", '""', "a,b\n"])


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=60))
def test_no_line_of_any_text_is_unaccounted_for(pieces: list[str]) -> None:
    """`rows` and `pieces` check their account themselves; a refusal before the first row is no loss."""
    content = "".join(pieces)
    lines = possible_lines(content.encode())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.csv"
        path.write_bytes(content.encode())
        assert lines_read(path, ()) in (*lines, None)
        assert lines_read(path, ("a", "1")) in (*lines, None)


def possible_lines(data: bytes) -> set[int]:
    """How many lines the bytes have as UTF-8 and, with many NULs, as wide text: b"a\\0\\n\\0" is one line of it."""
    found = {lines_of(data.decode())}
    for codec in (
        ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be") if 4 * data.count(0) >= len(data) else ()
    ):
        with suppress(UnicodeDecodeError):
            found.add(lines_of(data.decode(codec)))
    return found


def lines_of(content: str) -> int:
    return len(content.replace("\r\n", "\n").replace("\r", "\n").splitlines())


def lines_read(path: Path, columns: tuple[str, ...]) -> int | None:
    try:
        with opened(path, columns=columns) as reading:
            list(reading.pieces() if columns else reading.rows())
            return reading.account.lines
    except DataError as error:
        # Refused for a reason, before its first row; not because lines were lost.
        if "accounted for" in str(error):
            raise
        return None
