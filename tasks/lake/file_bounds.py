"""Lower and upper bounds of each column of a file, from Iceberg's statistics, in the form that a job's manifest uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pyiceberg.conversions import from_bytes
from pyiceberg.manifest import DataFile
from pyiceberg.schema import Schema
from pyiceberg.types import (
    DateType,
    IcebergType,
    IntegerType,
    LongType,
    NestedField,
    PrimitiveType,
    StringType,
)
from pyiceberg.utils.datetime import days_to_date

Bound = str | int

_SPELLED: dict[type[IcebergType], Callable[[Any], Bound]] = {
    StringType: str,
    DateType: lambda days: days_to_date(days).isoformat(),
    IntegerType: int,
    LongType: int,
}


def bounds(file: DataFile, schema: Schema, columns: Iterable[str]) -> dict[str, list[Bound]]:
    """The columns with known bounds. A column that is left out may hold any value.

    For text, Iceberg stores only a prefix and rounds the upper bound up, so the bounds are still valid.
    """
    fields = [schema.find_field(column) for column in columns if column in schema.column_names]
    found = {field.name: _bounds(file, field) for field in fields}
    return {column: pair for column, pair in found.items() if pair is not None}


def _bounds(file: DataFile, field: NestedField) -> list[Bound] | None:
    number, kind = field.field_id, field.field_type
    low, high = (file.lower_bounds or {}).get(number), (file.upper_bounds or {}).get(number)
    nulls = (file.null_value_counts or {}).get(number)
    if not isinstance(kind, PrimitiveType) or low is None or high is None or nulls != 0:
        return None
    spelled = _SPELLED.get(type(kind))
    return [spelled(from_bytes(kind, bound)) for bound in (low, high)] if spelled else None
