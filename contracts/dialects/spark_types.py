"""The Spark type for each kind of value."""

from __future__ import annotations

from contracts.dialects.spark_literals import name
from contracts.language.kinds import MONEY, TEXT_KINDS, exact_size
from contracts.language.nested import element_of, fields_of

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
    if (element := element_of(kind)) is not None:
        return f"array<{spark_type_of(element)}>"
    if fields := fields_of(kind):
        members = (f"{name(field)}:{spark_type_of(inside)}" for field, inside in fields.items())
        return f"struct<{','.join(members)}>"
    size = MONEY if kind == "decimal" else exact_size(kind)
    return f"decimal({size.precision},{size.scale})" if size else _TYPES[kind]
