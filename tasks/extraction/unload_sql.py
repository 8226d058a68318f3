"""The SQL of the mode unload: the source casts, judges, counts and writes the rows of a window itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from contracts.dialects import snowflake
from contracts.dialects.snowflake import name
from contracts.language.dataset import Dataset
from tasks.errors import DataError
from tasks.extraction import query
from tasks.extraction.columns import SourceColumn
from tasks.extraction.query import Bound

SESSION = (
    "ALTER SESSION SET UNLOAD_PARQUET_TIME_TIMESTAMP_MILLIS = FALSE",
    "ALTER SESSION SET ENABLE_UNLOAD_PHYSICAL_TYPE_OPTIMIZATION = FALSE",
)
"""Timestamps in microseconds instead of milliseconds, and columns of their own types instead of the smallest that fit."""
_FILE_BYTES = 256 << 20
_COPY = (
    "FILE_FORMAT = (TYPE = PARQUET COMPRESSION = SNAPPY) HEADER = TRUE "
    f"MAX_FILE_SIZE = {_FILE_BYTES} INCLUDE_QUERY_ID = TRUE"
)
_ZONED = {"TIMESTAMP", "TIMESTAMP_LTZ", "TIMESTAMP_TZ"}


@dataclass(frozen=True)
class Window:
    """The rows of a window, as they are to be in the lake."""

    entity: str
    dataset: Dataset
    schema: pa.Schema
    columns: Sequence[SourceColumn]
    query: Bound

    def counted(self, watermark: str, value: str) -> Bound:
        """How many rows there are, how many break a rule, are dated after a moment, and have no date."""
        at = name(watermark)
        return self._of_typed(
            f"SELECT COUNT(*), {_count(snowflake.broken(self.dataset))}, {_count(f'{at} > ?')}, {_count(f'{at} IS NULL')}",
            (value,),
        )

    def repeated(self, key: Sequence[str], most: int) -> Bound:
        """Keys that occur more than once, and in the last column how many such keys there are."""
        names = ", ".join(map(name, key))
        are_there = " AND ".join(f"{name(part)} IS NOT NULL" for part in key)
        inner = self._of_typed(f"SELECT {names}")
        return Bound(
            f"SELECT {names}, COUNT(*) OVER () FROM (\n{inner.sql}\nWHERE {are_there}\n"  # noqa: S608
            f"GROUP BY {names} HAVING COUNT(*) > 1\n) repeated ORDER BY {names} LIMIT {most}",
            inner.values,
        )

    def broken(self) -> Bound:
        """The rows that break a rule."""
        names = ", ".join(name(field.name) for field in self.schema)
        inner = self._of_typed(f"SELECT {names}")
        return Bound(f"{inner.sql}\nWHERE {snowflake.broken(self.dataset)}", inner.values)

    def copy(self, location: str, constants: Mapping[pa.Field, Any]) -> Bound:
        """Write the rows that break no rule to files below a location of a stage, each with the constants.

        Snowflake writes a number as an integer where the outermost SELECT casts it to BIGINT.
        """
        names = [self._cast(name(field.name), field) for field in self.schema]
        names += [self._cast("?", field) for field in constants]
        inner = self._of_typed(f"SELECT {', '.join(names)}", tuple(constants.values()))
        return Bound(
            f"COPY INTO @{location}\nFROM (\n{inner.sql}\nWHERE NOT ({snowflake.broken(self.dataset)})\n)\n{_COPY}",
            inner.values,
        )

    def _cast(self, value: str, field: pa.Field) -> str:
        return f"CAST({value} AS {_type(self.entity, field)}) AS {name(field.name)}"

    def _of_typed(self, selected: str, values: tuple[Any, ...] = ()) -> Bound:
        found = {column.name: column for column in self.columns}
        typed = ", ".join(
            f"{self._typed(field, found.get(field.name))} AS {name(field.name)}" for field in self.schema
        )
        # The query is the configuration's; names are quoted, and values are bound.
        return Bound(
            f"{selected} FROM (\nSELECT {typed} FROM (\n{self.query.sql}\n) extracted\n) typed",
            (*values, *self.query.values),
        )

    def _typed(self, field: pa.Field, column: SourceColumn | None) -> str:
        type_ = _type(self.entity, field)
        if column is None:
            return f"CAST(NULL AS {type_})"
        at = name(column.written)
        if pa.types.is_timestamp(field.type):
            if column.kind in _ZONED:
                at = f"CONVERT_TIMEZONE('UTC', {at})"
            at = f"DATE_TRUNC('MICROSECOND', {at})"
        return f"CAST({at} AS {type_})"


def _count(condition: str) -> str:
    """COUNT_IF, which is null on the local Snowflake if there are no rows."""
    return f"COUNT(CASE WHEN {condition} THEN 1 END)"


def window(
    entity: str,
    dataset: Dataset,
    schema: pa.Schema,
    columns: Sequence[SourceColumn],
    text: str,
    low: str,
    high: str,
) -> Window:
    return Window(entity, dataset, schema, columns, query.bound(text, {"low": low, "high": high}))


def _type(entity: str, field: pa.Field) -> str:
    """The type to which a column is cast, so that its files have the Arrow type that bronze has."""
    type_ = field.type
    if pa.types.is_decimal(type_):
        return f"NUMBER({type_.precision}, {type_.scale})"
    known = {
        pa.int64(): "BIGINT",
        pa.float64(): "DOUBLE",
        pa.string(): "VARCHAR",
        pa.bool_(): "BOOLEAN",
        pa.date32(): "DATE",
        pa.timestamp("us", "UTC"): "TIMESTAMP_NTZ",
    }
    if type_ not in known:
        raise DataError(
            f"{entity}.{field.name}: {type_} can't be unloaded. Cast it in the query, or use the mode watermark. Nothing "
            "was read; the watermark stays."
        )
    return known[type_]
