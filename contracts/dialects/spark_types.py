"""The Spark type for each kind of value."""

from __future__ import annotations

from contracts.language.kinds import MONEY, TEXT_KINDS, exact_size

_TYPES = {
    **dict.fromkeys(sorted(TEXT_KINDS), "string"),
    "integer": "bigint",
    "number": "double",
    "boolean": "boolean",
    "date": "date",
    "time": "string",  # HH:MM:SS.ffffff, which sorts as the time does: Spark 3.5 has no type for it
    "timestamp": "timestamp",
    "local_timestamp": "timestamp_ntz",
    "json": "string",
}


def spark_type_of(kind: str) -> str:
    size = MONEY if kind == "decimal" else exact_size(kind)
    return f"decimal({size.precision},{size.scale})" if size else _TYPES[kind]
