"""The columns of a source's result: their Arrow types, fixed from its description before the first row is read.

A batch's own types are not to be trusted: the connector gives an empty batch of decimals as int64, and timestamps in
microseconds or nanoseconds by the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from contracts.dialects.arrow_types import arrow_type
from contracts.language.dataset import Dataset
from tasks.errors import DataError

_INSTANT = pa.timestamp("us", "UTC")
# By the connector's type codes.
_FIXED = 0
_NAMES = {
    0: "NUMBER", 1: "FLOAT", 2: "VARCHAR", 3: "DATE", 4: "TIMESTAMP", 5: "VARIANT", 6: "TIMESTAMP_LTZ", 7: "TIMESTAMP_TZ",
    8: "TIMESTAMP_NTZ", 9: "OBJECT", 10: "ARRAY", 11: "BINARY", 12: "TIME", 13: "BOOLEAN",
}  # fmt: skip
_TYPES: dict[int, pa.DataType] = {
    1: pa.float64(), 2: pa.string(), 3: pa.date32(), 4: _INSTANT, 5: pa.string(), 6: _INSTANT, 7: _INSTANT, 8: _INSTANT,
    9: pa.string(), 10: pa.string(), 11: pa.binary(), 12: pa.time64("us"), 13: pa.bool_(),
}  # fmt: skip
_INTEGER_DIGITS = 18
RESERVED = frozenset(
    {"extraction_timestamp", "source_system", "window_id", "run_id", "query_hash", "is_tombstone", "reasons"}
)
"""What bronze and quarantine add to the source's columns."""


class Described(Protocol):
    """What the connector says of a column."""

    name: str
    type_code: int
    precision: int | None
    scale: int | None


class ChangedType(DataError):
    """A column of the source no longer has the type that the contract or the lake's table has."""


class Plan(NamedTuple):
    """`schema`: of the rows in the lake. `unknown`: columns not in the contract. `missing`: not in the source."""

    schema: pa.Schema
    unknown: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class SourceColumn:
    """`name`: in the lake. `written`: at the source."""

    name: str
    written: str
    kind: str
    type: pa.DataType


def of_description(description: Sequence[Described]) -> list[SourceColumn]:
    return [SourceColumn(each.name.lower(), each.name, _kind(each), _type(each)) for each in description]


def _kind(found: Described) -> str:
    name = _NAMES.get(found.type_code, f"type {found.type_code}")
    return f"{name}({found.precision},{found.scale})" if found.type_code == _FIXED else name


def _type(found: Described) -> pa.DataType:
    if found.type_code == _FIXED:
        precision, scale = found.precision or 38, found.scale or 0
        if scale == 0 and precision <= _INTEGER_DIGITS:
            return pa.int64()
        return pa.decimal128(precision, scale)
    try:
        return _TYPES[found.type_code]
    except KeyError:
        raise DataError(
            f"column {found.name} has a type that is not extracted ({_kind(found)}): cast it in the query."
        ) from None


def plan(entity: str, dataset: Dataset, columns: Sequence[SourceColumn], lake: pa.Schema | None) -> Plan:
    """The schema of the entity's rows in the lake: the contract's columns, and after them those that it does not know.

    Raises ChangedType if a column's values do not fit the type that the contract, or the lake's table, has for it.
    """
    found = {column.name: column for column in columns}
    if len(found) < len(columns):
        raise DataError(f"{entity}: the query returns a column twice. Name each once.")
    if taken := sorted(found.keys() & RESERVED):
        raise DataError(
            f"{entity}: the source has the column(s) {', '.join(taken)}, which bronze adds itself. Rename them in the query."
        )
    fields = []
    for column in dataset.columns:
        wanted = arrow_type(column.kind)
        if column.name in found:
            _require(entity, found[column.name], wanted, f"the contract has {column.kind}")
        fields.append(pa.field(column.name, wanted))
    unknown = tuple(name for name in found if name not in dataset.names)
    for name in unknown:
        known = lake.field(name).type if lake is not None and name in lake.names else found[name].type
        _require(entity, found[name], known, f"its table in the lake has {known}")
        fields.append(pa.field(name, known))
    return Plan(pa.schema(fields), unknown, tuple(name for name in dataset.names if name not in found))


def schema_of(dataset: Dataset) -> pa.Schema:
    """The contract's columns alone."""
    return pa.schema([pa.field(column.name, arrow_type(column.kind)) for column in dataset.columns])


def _require(entity: str, column: SourceColumn, wanted: pa.DataType, has: str) -> None:
    if not _fits(column.type, wanted):
        raise ChangedType(
            f"{entity}.{column.name}: the source has {column.kind}, {has}. Nothing was read from here on; the "
            "watermark stays. Change the contract, or cast the column in the query."
        )


def _fits(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether every value of one type, as far as it is used, is one of the other. Digits are checked value by value."""
    if pa.types.is_integer(found) or pa.types.is_decimal(found):
        scale = found.scale if pa.types.is_decimal(found) else 0
        if pa.types.is_decimal(wanted):
            return bool(scale <= wanted.scale)
        return bool(pa.types.is_integer(wanted) and scale == 0)
    return bool(found.equals(wanted))


def conform(entity: str, batch: pa.Table, schema: pa.Schema) -> pa.Table:
    """The batch in the planned schema. A column that it lacks is null."""
    named = dict(zip((name.lower() for name in batch.column_names), batch.columns, strict=True))
    arrays: list[Any] = []
    for field in schema:
        column = named.get(field.name)
        arrays.append(
            pa.nulls(batch.num_rows, field.type) if column is None else _cast(entity, field, column)
        )
    return pa.table(arrays, schema=schema)


def _cast(entity: str, field: pa.Field, column: pa.ChunkedArray) -> pa.ChunkedArray:
    if column.type.equals(field.type):
        return column
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        column = pc.floor_temporal(column, unit="microsecond")  # the lake has microseconds
    try:
        return column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise ChangedType(
            f"{entity}.{field.name}: a value does not fit {field.type}. Nothing more of this entity was read."
        ) from None  # Arrow's message quotes the value
