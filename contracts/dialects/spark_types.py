"""The Spark type for each kind of value."""

from __future__ import annotations

MONEY_PRECISION, MONEY_SCALE = 18, 4
TEXT_KINDS = frozenset({"code", "identifier", "channel", "text"})
SPARK_TYPES = {
    **dict.fromkeys(sorted(TEXT_KINDS), "string"),
    "integer": "bigint",
    "decimal": f"decimal({MONEY_PRECISION},{MONEY_SCALE})",
    "number": "double",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
}
