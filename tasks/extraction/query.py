"""The SQL of an extraction: the configured query with its values bound, ordered so that a scan can go on where it stood."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from warehouse.names import identifier

PARAMETERS = ("low", "high", "after_key")
# Texts, quoted names and comments are left alone. A cast (::DATE) is no parameter.
_TOKENS = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|::|(?P<mark>\?)|:(?P<name>[A-Za-z_]\w*)",
    re.DOTALL,
)


@dataclass(frozen=True)
class Bound:
    """A statement whose values the server binds, in order."""

    sql: str
    values: tuple[Any, ...] = ()


def parameters(text: str) -> set[str]:
    return {found["name"] for found in _TOKENS.finditer(text) if found["name"]}


def require(text: str, wanted: set[str], what: str) -> None:
    """Raises ValueError for a query that lacks a parameter, has an unknown one, or is more than one statement."""
    found = parameters(text)
    if missing := sorted(wanted - found):
        raise ValueError(
            f"{what} lacks {', '.join(f':{name}' for name in missing)}: it would read everything"
        )
    if unknown := sorted(found - set(PARAMETERS)):
        raise ValueError(
            f"{what} has the unknown parameter {', '.join(f':{name}' for name in unknown)}; known are "
            f"{', '.join(f':{name}' for name in PARAMETERS)}"
        )
    if any(token["mark"] for token in _TOKENS.finditer(text)) or ";" in _TOKENS.sub("", text):
        raise ValueError(f"{what} must be one statement, without ; and without ?")


def bound(text: str, values: Mapping[str, Any]) -> Bound:
    """The query with ? for its parameters, and their values in that order."""
    order: list[Any] = []

    def mark(token: re.Match[str]) -> str:
        if token["name"]:
            order.append(values[token["name"]])
            return "?"
        return token[0]

    return Bound(_TOKENS.sub(mark, text), tuple(order))


def scan(
    text: str, values: Mapping[str, Any], watermark: str, key: Sequence[str], after: Sequence[Any] = ()
) -> Bound:
    """The query's rows by (watermark, key). `after` is the row where a scan stood: its watermark and key."""
    inner = bound(text, {"after_key": str(after[1]) if after else "", **values})
    columns = [identifier(watermark), *map(identifier, key)]
    order = ", ".join(columns)
    where, place = _after(columns, tuple(after)) if after else ("", ())
    return Bound(_ordered(inner.sql, where, order), (*inner.values, *place))


def description(text: str) -> Bound:
    """A query without rows that has the same columns."""
    inner = bound(text, dict.fromkeys(PARAMETERS, ""))
    return Bound(f"SELECT * FROM (\n{inner.sql}\n) extracted\nWHERE 1 = 0", inner.values)  # noqa: S608


def by_key(text: str, key: Sequence[str]) -> Bound:
    """The rows without a watermark, by their key."""
    inner = bound(text, {"after_key": "", "low": None, "high": None})
    order = ", ".join(map(identifier, key))
    return Bound(_ordered(inner.sql, "", order), inner.values)


def _ordered(text: str, where: str, order: str) -> str:
    # The query is the configuration's; names are validated, and values are bound.
    return f"SELECT * FROM (\n{text}\n) extracted{where}\nORDER BY {order}"  # noqa: S608


def _after(columns: Sequence[str], after: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """(a, b) > (x, y) as a > x OR (a = x AND (b > y)): Snowflake compares no rows."""
    text = f"{columns[-1]} > ?"
    values: tuple[Any, ...] = (after[-1],)
    for column, value in zip(columns[-2::-1], after[-2::-1], strict=True):
        text, values = f"{column} > ? OR ({column} = ? AND ({text}))", (value, value, *values)
    return f"\nWHERE {text}", values


def digest(text: str) -> str:
    """What `query_hash` says of the rows that a query returned."""
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:16]
