"""The Arrow type for each kind of value."""

from __future__ import annotations

import pyarrow as pa

from contracts.language.kinds import MONEY, TEXT_KINDS, exact_size
from contracts.language.nested import element_of, fields_of

_TYPES: dict[str, pa.DataType] = {
    **dict.fromkeys(sorted(TEXT_KINDS), pa.string()),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "local_timestamp": pa.timestamp("us"),
    "json": pa.string(),
}


def arrow_type(kind: str) -> pa.DataType:
    if (element := element_of(kind)) is not None:
        return pa.list_(arrow_type(element))
    if fields := fields_of(kind):
        return pa.struct([(field, arrow_type(inside)) for field, inside in fields.items()])
    size = MONEY if kind == "decimal" else exact_size(kind)
    return pa.decimal128(*size) if size else _TYPES[kind]
