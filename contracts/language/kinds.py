"""The kinds of values that a column can have."""

from __future__ import annotations

import re
from typing import NamedTuple

KINDS = {
    "code": "a natural key of the masters: trimmed and upper-cased",
    "identifier": "another system's id: trimmed, case preserved",
    "channel": "a sales channel: trimmed, lower-cased, spaces and hyphens made underscores",
    "text": "free text, trimmed",
    "integer": 'a whole number, which may have been written "5" or "5.0"',
    "decimal": "an amount, rounded half up to four places: sums do not depend on the order of rows",
    "decimal(p,s)": "an exact amount of at most p digits, s of them after the point, such as decimal(14,2): "
    "more places are refused, not rounded, also zeros in text, and so is an exponent",
    "number": "a finite ratio or share",
    "boolean": "true or false, however the source spells it",
    "date": "a calendar day",
    "time": "a time of day from 00:00:00 to 23:59:59.999999, without a time zone",
    "timestamp": "a moment, kept in UTC: a value without an offset is in UTC",
    "local_timestamp": "a date and time as a wall clock shows it, without a time zone: a value with an offset is refused",
    "json": "a JSON object or array, kept as it was written: invalid JSON and repeated keys are refused",
}
TEXT_KINDS = frozenset({"code", "identifier", "channel", "text"})
MAX_DIGITS = 38
MAX_JSON_DEPTH = 32
"""How deep a JSON document may be nested."""

_DECIMAL = re.compile(r"decimal\(([1-9][0-9]?),([0-9]|[1-9][0-9])\)")


class Size(NamedTuple):
    """The digits of a decimal in total, and those of them after the point."""

    precision: int
    scale: int


MONEY = Size(18, 4)
"""The size of the kind decimal."""


def exact_size(kind: str) -> Size | None:
    """The size of decimal(p,s); None for every other kind."""
    found = _DECIMAL.fullmatch(kind)
    return Size(int(found[1]), int(found[2])) if found else None


def is_kind(kind: str) -> bool:
    size = exact_size(kind)
    return (kind in KINDS and "(" not in kind) if size is None else size.scale <= size.precision <= MAX_DIGITS
