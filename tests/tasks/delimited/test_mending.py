"""A row with another delimiter than its file is mended only where nothing else fits."""

from __future__ import annotations

import pytest

from tasks.delimited.mending import column_kinds, looks_odd, with_other_delimiter
from tasks.delimited.splitting import Dialect

ROWS = [
    ["id", "day", "amount", "note"],
    *([str(at), f"2024-01-{at + 10}", f"{at}.5", "text, more"] for at in range(9)),
]
KINDS = ("number", "time", "number", "")


def test_columns_have_kinds_and_text_has_none() -> None:
    assert column_kinds(ROWS, 4) == KINDS
    assert column_kinds([], 2) == ("", "")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("9;2024-01-30;1.5;late", ["9", "2024-01-30", "1.5", "late"]),
        ('9\t2024-01-30\t1.5\t"a\tb"', ["9", "2024-01-30", "1.5", "a\tb"]),
        ("9, 2024-01-30, 1.5, late", ["9", "2024-01-30", "1.5", "late"]),
        ("9 2024-01-30 1.5 late", ["9", "2024-01-30", "1.5", "late"]),
        ("total;of;all;rows", None),
        ("9;2024-01-30;1.5", None),
        ("only four words here", None),
    ],
)
def test_a_row_is_mended_where_its_values_are_those_of_the_columns(
    raw: str, expected: list[str] | None
) -> None:
    assert with_other_delimiter(raw, Dialect(), KINDS, first=False) == expected


def test_a_header_may_have_another_delimiter() -> None:
    assert with_other_delimiter("id;day;amount;note", Dialect(), KINDS, first=True) == [
        "id",
        "day",
        "amount",
        "note",
    ]
    assert with_other_delimiter("id;day;amount;note", Dialect(), KINDS, first=False) is None


def test_what_looks_odd() -> None:
    assert looks_odd(["1"], 4)
    assert looks_odd(["1", " 2", " 3", " 4"], 4)
    assert not looks_odd(["1", " 2", "3", " 4"], 4)
    assert not looks_odd(["1", "2", "3", "4"], 4)
    assert not looks_odd(["1"], 3)
    assert not looks_odd([], 4)
