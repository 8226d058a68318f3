"""Random rows of every kind, and the digests that plain Python computes of them: the oracle of both sides."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

KINDS = {
    "order_id": "text",
    "line_number": "integer",
    "product_id": "text",
    "quantity": "integer",
    "unit_price": "decimal(14,2)",
    "discount": "decimal(14,2)",
    "line_amount": "decimal(14,2)",
    "is_deleted": "boolean",
    "created_at": "timestamp",
    "updated_at": "timestamp",
}
"""Those of shop_order_items, which has every kind that the shop has."""
_TEXTS = (
    "",
    " ",
    "|",
    "1:|",
    "'",
    '"',
    "\\",
    "O'Brien",
    "Nguyễn",
    "🙂🙂",
    "a\u0301",
    "\n\t",
    "x" * 300,
    "null",
    "NULL",
    "?",
    "é" * 9,
)
_EDGES = (
    datetime(1, 1, 1),
    datetime(1, 1, 1, 0, 0, 0, 1),
    datetime(1582, 10, 10),
    datetime(1969, 12, 31, 23, 59, 59, 999999),
    datetime(1970, 1, 1),
    datetime(9999, 12, 31, 23, 59, 59, 999999),
)


def rows(count: int, seed: int) -> list[dict[str, Any]]:
    draw = random.Random(seed)
    return [
        {
            "order_id": f"{draw.choice(_TEXTS)}{number}",
            "line_number": draw.choice((0, -1, number, 10**17)),
            **{name: _value(kind, draw) for name, kind in list(KINDS.items())[2:]},
        }
        for number in range(count)
    ]


def _value(kind: str, draw: random.Random) -> Any:
    if draw.random() < 0.2:
        return None
    if kind == "text":
        return draw.choice(_TEXTS)
    if kind == "integer":
        return draw.choice((0, 1, -7, 10**17, -(10**17)))
    if kind == "boolean":
        return draw.random() < 0.5
    if kind == "timestamp":
        moved = datetime(2026, 1, 1) + timedelta(microseconds=draw.randrange(10**14))
        return draw.choice((*_EDGES, moved, moved, moved))
    return Decimal(draw.choice((0, 1, -1, 50, -50, 10**13, -(10**14) + 1, draw.randrange(10**6)))).scaleb(-2)


def text_of(row: Mapping[str, Any], names: Sequence[str]) -> str:
    return "|".join(_text(row[name]) for name in names)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return str((value - datetime(1970, 1, 1)) // timedelta(microseconds=1))
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    return f"{len(value)}:{value}" if isinstance(value, str) else str(value)


def digest(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()[-16:]


def sums(
    found: Iterable[Mapping[str, Any]], key: Sequence[str], names: Sequence[str], buckets: int
) -> dict[int, tuple[int, str]]:
    counted: dict[int, tuple[int, int]] = {}
    for row in found:
        bucket = int(digest(text_of(row, key)), 16) % buckets
        count, total = counted.get(bucket, (0, 0))
        counted[bucket] = (count + 1, total + int(digest(text_of(row, names)), 16))
    return {bucket: (count, str(total)) for bucket, (count, total) in counted.items()}


def in_utc(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
        for name, value in row.items()
    }
