"""Lines are counted apart from records, and an account that does not add up is an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.delimited.accounting import Account, LineCount
from tasks.errors import DataError


def counted(*chunks: bytes) -> LineCount:
    count = LineCount()
    for chunk in chunks:
        count.add(chunk)
    return count


@pytest.mark.parametrize(
    ("content", "lines", "newline"),
    [
        (b"", 0, ""),
        (b"a", 1, ""),
        (b"a\n", 1, "LF"),
        (b"a\r\nb", 2, "CRLF"),
        (b"a\rb\r", 2, "CR"),
        (b"a\n\nb\r\nc", 4, "mixed"),
        (b"a\r\r\nb", 3, "mixed"),
    ],
)
def test_lines_and_their_ends(content: bytes, lines: int, newline: str) -> None:
    assert (counted(content).lines, counted(content).newline) == (lines, newline)


@given(st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n"])), st.data())
def test_chunks_make_no_difference(pieces: list[bytes], data: st.DataObject) -> None:
    content = b"".join(pieces)
    cut = data.draw(st.integers(0, len(content)))
    assert counted(content[:cut], content[cut:]) == counted(content)
    assert counted(content).lines == len(
        content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").decode().splitlines()
    )


def test_an_account_that_adds_up_passes() -> None:
    Account(records=4, header_lines=1, rows=1, rejected_records=1, blank_lines=1, lines=5).check(
        "x.csv", counted(b"\n" * 5)
    )


@pytest.mark.parametrize(
    "account", [Account(records=4, rows=3, lines=5), Account(records=4, rows=4, lines=4)]
)
def test_a_record_or_line_without_an_end_is_an_error(account: Account) -> None:
    with pytest.raises(
        DataError, match=r"x\.csv: 5 lines were counted and \d read; of 4 records \d are accounted for"
    ):
        account.check("x.csv", counted(b"\n" * 5))
