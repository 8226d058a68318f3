"""The form of a statement: its text with marks in place of values that do not change how it is translated.

The connector writes bound values into the text, so that no two executions of `INSERT ... VALUES (%s)` have the same one.
Marked are JSON documents that are parsed, UUIDs in strings and long integers: a run's figures, its id, the ids of
snapshots. Short values stay: a date part, a format or a limit may be among them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from sqlglot import exp, parse_one

_STRING = r"'(?:[^'\\]|\\.|'')*'"
# What begins first at a place decides what it is: a number in a comment is none, nor is one in an identifier.
_PART = re.compile(
    r"--[^\n]*|//[^\n]*|/\*.*?\*/|\$\$.*?\$\$"
    r'|"(?:[^"]|"")*"'
    rf"|(?P<json>(?<=PARSE_JSON\(){_STRING})"
    rf"|(?P<string>{_STRING})"
    r"|(?P<integer>\b[1-9]\d{14,18}\b)",
    re.DOTALL,
)
_IN_A_STRING = re.compile(
    r"(?P<uuid>\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b)|(?P<integer>(?<!\\)\b[1-9]\d{14,18}\b)"
)
# Integers lie apart, so that no mark is another one plus one.
_MARKS: dict[str, Callable[[int], str]] = {
    "json": lambda n: f"'the document {n} of a statement'",
    "uuid": lambda n: f"feedfeed-feed-4eed-8eed-{n:012x}",
    "integer": lambda n: f"{876_543_210_000_000 + 1000 * n}",
}
_LIKE_A_MARK = re.compile(
    r"'the document \d+ of a statement'|feedfeed-feed-4eed-8eed-[0-9a-f]{12}|\b8765432\d{8}\b", re.IGNORECASE
)
_MOST = 1000
_LONGEST = 1_000_000  # a longer one takes longer to search than to parse


@dataclass(frozen=True)
class Form:
    text: str
    values: tuple[tuple[str, str], ...] = ()
    """Each mark, and what DuckDB is given in its place."""

    def is_intact_in(self, texts: Iterable[str]) -> bool:
        """Whether a translation has every mark as it is: some functions make a name or another number of a value."""
        found = {mark for text in texts for mark in _LIKE_A_MARK.findall(text)}
        return found == {mark for mark, _ in self.values}

    def filled(self, text: str) -> str:
        for mark, value in self.values:
            text = text.replace(mark, value)
        return text


@lru_cache(8)  # a statement's is asked for three times in a row
def form_of(command: str) -> Form:
    found: dict[str, str] = {}
    marks: dict[tuple[str, str], str] = {}

    def marked(match: re.Match[str]) -> str:
        kind, value = match.lastgroup, match.group()
        if kind is None:
            return value
        if kind == "string":
            return _IN_A_STRING.sub(marked, value)
        if (kind, value) not in marks:
            mark = _MARKS[kind](len(marks))
            if len(marks) == _MOST or mark in command:
                return value
            marks[kind, value] = mark
            found[mark] = _of_duckdb(value) if kind == "json" else value
        return marks[kind, value]

    if len(command) > _LONGEST:
        return Form(command)
    text = _PART.sub(marked, command)
    return Form(text, tuple(found.items()))


def _of_duckdb(literal: str) -> str:
    """Snowflake's literal, with its escapes, as DuckDB's."""
    statement = parse_one(f"SELECT {literal}", read="snowflake")
    (value,) = statement.find_all(exp.Literal)
    return value.sql(dialect="duckdb")
