"""The form of a statement: its text with marks in place of values that do not change how it is translated.

The connector writes bound values into the text, so that no two executions of `INSERT ... VALUES (%s)` have the same one.
Marked are JSON documents that are parsed, UUIDs and long integers: a run's figures, its id, the ids of snapshots. Short
values stay: a date part, a format or a limit may be among them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from sqlglot import exp, parse_one

_STRING = r"'(?:[^'\\]|\\.|'')*'"
_VALUE = re.compile(
    rf"(?P<json>(?<=PARSE_JSON\(){_STRING})"
    r"|(?P<uuid>\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b)"
    r"|(?P<integer>\b[1-9]\d{14,18}\b)",
    re.DOTALL,
)
_MARKS: dict[str, Callable[[int], str]] = {
    "json": lambda n: f"'the document {n} of a statement'",
    "uuid": lambda n: f"feedfeed-feed-4eed-8eed-{n:012x}",
    "integer": lambda n: f"{876_543_210_000_000 + n}",
}
_MOST = 1000


@dataclass(frozen=True)
class Form:
    text: str
    values: tuple[tuple[str, str], ...] = ()
    """Each mark, and what DuckDB is given in its place."""

    def filled(self, text: str) -> str:
        for mark, value in self.values:
            text = text.replace(mark, value)
        return text


@lru_cache(64)  # a statement's is asked for three times in a row
def form_of(command: str) -> Form:
    found: dict[str, str] = {}
    marks: dict[tuple[str, str], str] = {}

    def marked(match: re.Match[str]) -> str:
        kind = match.lastgroup or ""
        value = match.group()
        if (kind, value) not in marks:
            mark = _MARKS[kind](len(marks))
            if len(marks) == _MOST or mark in command:
                return value
            marks[kind, value] = mark
            found[mark] = _of_duckdb(value) if kind == "json" else value
        return marks[kind, value]

    text = _VALUE.sub(marked, command)
    return Form(text, tuple(found.items()))


def _of_duckdb(literal: str) -> str:
    """Snowflake's literal, with its escapes, as DuckDB's."""
    statement = parse_one(f"SELECT {literal}", read="snowflake")
    (value,) = statement.find_all(exp.Literal)
    return value.sql(dialect="duckdb")
