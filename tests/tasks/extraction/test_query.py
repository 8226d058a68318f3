"""Values are bound, never formatted in; a scan goes on behind a row; what is no query of a window is refused."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.extraction import query
from tasks.extraction.query import Bound

WINDOW = {"low": "a", "high": "b"}


def test_parameters_are_bound_in_their_order() -> None:
    text = "SELECT '''s :low' AS \":high\", t::DATE FROM T -- :low\nWHERE t <= :high AND t > :low AND s <= :high /* :low */"
    wanted = (
        "SELECT '''s :low' AS \":high\", t::DATE FROM T -- :low\nWHERE t <= ? AND t > ? AND s <= ? /* :low */"
    )
    assert query.bound(text, WINDOW) == Bound(wanted, ("b", "a", "b"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT * FROM T WHERE t > :low", "the query lacks :high: it would read everything"),
        ("SELECT * FROM T WHERE t > ':low' AND t <= :high", "lacks :low"),
        ("SELECT * FROM T WHERE t > :low AND t <= :high AND x = :y", "unknown parameter :y; known are :low, :high"),
        ("SELECT * FROM T WHERE t > :low AND t <= :high; DROP TABLE T", "must be one statement"),
        ("SELECT * FROM T WHERE t > :low AND t <= :high AND x = ?", "must be one statement, without ; and without ?"),
    ],
)  # fmt: skip
def test_a_query_of_no_window_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        query.require(text, {"low", "high"}, "the query")


def test_a_sign_within_a_text_is_no_second_statement() -> None:
    query.require("SELECT ';?' FROM T WHERE t > :low AND t <= :high", {"low", "high"}, "the query")


def test_a_name_that_is_no_identifier_is_refused() -> None:
    with pytest.raises(ValueError, match="is not a plain Snowflake identifier"):
        query.scan("SELECT 1", WINDOW, "t; DROP TABLE T", ("k",))


def moment(second: int) -> datetime:
    return datetime(2026, 1, 1, 0, 0, second)


ROWS = st.lists(
    st.tuples(
        st.integers(0, 3).map(moment), st.none() | st.sampled_from("abc"), st.none() | st.integers(0, 3)
    ),
    unique=True,
)


def nulls_first(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple((value is not None, value) for value in row)


@given(ROWS, st.data())
def test_a_scan_goes_on_behind_any_of_its_rows(rows: list[tuple[Any, ...]], data: st.DataObject) -> None:
    """All rows behind it come, and no other unless the last part of its key is null: then those like it come again."""
    text, window = (
        "SELECT * FROM T WHERE t > :low AND t <= :high",
        {"low": datetime(2025, 1, 1), "high": moment(9)},
    )
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE T (t TIMESTAMP, k VARCHAR, n INTEGER)")
        if rows:
            connection.executemany("INSERT INTO T VALUES (?, ?, ?)", rows)
        whole = query.scan(text, window, "t", ("k", "n"))
        found = connection.execute(whole.sql, whole.values).fetchall()
        assert found == sorted(rows, key=nulls_first)
        if not rows:
            return
        place = data.draw(st.integers(0, len(rows) - 1))
        rest = query.scan(text, window, "t", ("k", "n"), found[place])
        again = connection.execute(rest.sql, rest.values).fetchall()
        rest_of_them = found[place + 1 :]
        extra = again[: len(again) - len(rest_of_them)]
        assert again[len(extra) :] == rest_of_them
        assert all(row[:2] == found[place][:2] and found[place][2] is None for row in extra)


def test_rows_within_one_microsecond_are_not_passed_over() -> None:
    text = query.scan(
        "SELECT * FROM T WHERE t > :low AND t <= :high", WINDOW, "t", ("k",), ("2026-01-01", "a")
    ).sql
    assert text.splitlines()[-2:] == [
        "WHERE t >= ? AND (DATE_TRUNC('MICROSECOND', t) > ? OR (DATE_TRUNC('MICROSECOND', t) = ? AND (k > ?)))",
        "ORDER BY DATE_TRUNC('MICROSECOND', t) NULLS FIRST, k NULLS FIRST",
    ]


def test_a_path_and_a_cast_are_no_parameters() -> None:
    text = 'SELECT data:email::STRING, a[0]:b, "X":y FROM T WHERE t > :low AND t <= :high'
    assert query.parameters(text) == {"low", "high"}


def test_the_digest_does_not_depend_on_line_ends() -> None:
    assert (
        query.digest("SELECT 1\n  FROM T")
        == query.digest("SELECT 1 FROM T")
        != query.digest("SELECT 2 FROM T")
    )
