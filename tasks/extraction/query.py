"""The SQL of an extraction: the configured query with its values bound, ordered so that a scan can go on where it stood."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from warehouse.names import identifier

PARAMETERS = ("low", "high")
BEGINNING = "0001-01-01 00:00:00.000000"
# Texts, quoted names and comments are left alone. A cast (::DATE) is no parameter, nor is a path (data:email).
_TOKENS = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|::|(?P<mark>\?)|(?<![\w\"\]]):(?P<name>[A-Za-z_]\w*)",
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


def require_none(text: str, what: str) -> None:
    """Raises ValueError for a query that has parameters, or is more than one statement."""
    require(text, set(), what)
    if found := sorted(parameters(text)):
        raise ValueError(f"{what} returns all rows, and has no {', '.join(f':{name}' for name in found)}")


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
    """The query's rows by (watermark, key), nulls first. `after` is the row where a scan stood: its watermark and key.

    The watermark counts to the microsecond, as positions do. Of two rows within one, neither is passed over.
    """
    inner = bound(text, values)
    columns = [f"DATE_TRUNC('MICROSECOND', {identifier(watermark)})", *map(identifier, key)]
    where = ""
    place: tuple[Any, ...] = ()
    if after:
        told, place = _after(columns, tuple(after))
        # The first condition follows from the second. It is what Snowflake can skip partitions by.
        where, place = f"\nWHERE {identifier(watermark)} >= ? AND ({told})", (after[0], *place)
    return Bound(_ordered(inner.sql, where, columns), (*inner.values, *place))


def description(text: str) -> Bound:
    """A query without rows that has the same columns."""
    inner = bound(text, dict.fromkeys(PARAMETERS, BEGINNING))
    return Bound(f"SELECT * FROM (\n{inner.sql}\n) extracted\nWHERE 1 = 0", inner.values)  # noqa: S608


def by_key(text: str, key: Sequence[str]) -> Bound:
    """The rows without a watermark, by their key."""
    inner = bound(text, dict.fromkeys(PARAMETERS))
    return Bound(_ordered(inner.sql, "", list(map(identifier, key))), inner.values)


def _ordered(text: str, where: str, columns: Sequence[str]) -> str:
    order = ", ".join(f"{column} NULLS FIRST" for column in columns)
    # The query is the configuration's; names are validated, and values are bound.
    return f"SELECT * FROM (\n{text}\n) extracted{where}\nORDER BY {order}"  # noqa: S608


def _after(columns: Sequence[str], after: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
    """(a, b) > (x, y) as a > x OR (a = x AND (b > y)): Snowflake compares no rows. A null comes before every value.

    Rows whose last part of the key is null can't be told apart. They are read again, rather than passed over.
    """
    text, values = (f"{columns[-1]} > ?", (after[-1],)) if after[-1] is not None else ("1 = 1", ())
    for column, value in zip(columns[-2::-1], after[-2::-1], strict=True):
        if value is None:
            text = f"{column} IS NOT NULL OR ({column} IS NULL AND ({text}))"
        else:
            text, values = f"{column} > ? OR ({column} = ? AND ({text}))", (value, value, *values)
    return text, values


def digest(text: str) -> str:
    """What `query_hash` says of the rows that a query returned."""
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:16]
