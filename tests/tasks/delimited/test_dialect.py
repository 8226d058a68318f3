"""The dialect of a text, on one file of each kind of defect and on cases that no rule may settle by luck."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tasks.delimited.dialect import decide, ranked
from tasks.delimited.reader import opened
from tasks.delimited.splitting import Dialect
from tests.tasks.delimited import polluted
from tests.tasks.delimited.polluted import Polluted, Writing

FILES = list(polluted.files())
# Sentences with one comma each are two columns as well as one: the rows stand whole either way.
MISJUDGED = {"one column of prose"}


def read(tmp_path: Path, file: Polluted) -> tuple[list[list[str]], dict[str, object]]:
    path = tmp_path / "file.csv"
    path.write_bytes(file.content)
    with opened(path) as reading:
        rows = list(reading.rows())
        return [*reading.preamble, *rows], reading.description()


def test_there_are_more_than_sixty_kinds_of_defects() -> None:
    assert len({file.kind for file in FILES}) == len(FILES) == 119


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.kind)
def test_every_kind_of_defect_is_read_as_it_stands(tmp_path: Path, file: Polluted) -> None:
    rows, found = read(tmp_path, file)
    if file.exact:
        assert rows == file.rows
    assert found["encoding"] == file.encoding
    assert file.quote in (None, found["quote"])
    if file.kind not in MISJUDGED:
        assert found["delimiter"] == file.delimiter
    if file.header_lines is not None:
        assert found["header_lines"] == file.header_lines
    assert found["records"] == found["header_lines"] + found["rows"] + found["blank_lines"]  # type: ignore[operator]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("rows", [3, 10, 300])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "^", "||"])
def test_other_tables_and_sizes(seed: int, rows: int, delimiter: str) -> None:
    text = polluted.text(polluted.base(rows, seed), Writing(delimiter))
    best = decide(text).best
    assert (best.dialect, best.width) == (Dialect(delimiter), 9)


def test_what_is_ambiguous_has_a_rival() -> None:
    decision = decide("a,b;c\n")
    assert decision.rival
    assert {decision.best.dialect.delimiter, decision.rival.dialect.delimiter} == {",", ";"}
    assert decide("a,b\n1,2\n").rival is None
    assert decide("id, name\n1, x\n2, y\n").rival is None


@pytest.mark.parametrize(
    ("lines", "dialect"),
    [
        (["name;price", "pump;1,5", "valve;2,5"], Dialect(";")),
        (["12:30,ok", "12:31,ok", "12:32,late"], Dialect(",")),
        (["2020-01-01 10:00:00", "2020-01-02 10:00:00"], Dialect(None)),
        (["price", "1,5", "2,5", "3,5"], Dialect(None)),
        (["https://x.org/a?b=1&c=2", "https://x.org/a?b=2&c=3"], Dialect(None)),
        (["'a, b',1", "'c, d',2"], Dialect(",", "'", "'")),
        (['"a \\"b\\", c",1', '"d \\"e\\", f",2'], Dialect(escape="\\")),
        (["# by export", "# of today", "# v2", "a;b", "1;2"], Dialect(";")),
        (['1;"the "big" one"', '2;"the "small" one; red"', '3;"the "old" one"'], Dialect(";")),
    ],
)
def test_small_texts(lines: Sequence[str], dialect: Dialect) -> None:
    assert decide("\n".join(lines) + "\n").best.dialect == dialect


def test_a_long_quoted_text_of_regular_lines_does_not_outvote_its_columns() -> None:
    letter = "\r\n".join(["Dear all, this, that, and, as ever, more, of, the same."] * 9)
    text = "text,status\r\n" + f'"{letter}",sent\r\n' * 30
    assert decide(text).best.dialect == Dialect()
    assert decide(text).best.width == 2


def test_candidates_are_ranked() -> None:
    first, second, *_ = ranked(polluted.text(polluted.base(20), Writing(";")))
    assert first.dialect == Dialect(";")
    assert second.score < first.score / 2
