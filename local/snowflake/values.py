"""Convert values between the connector's format and DuckDB's.

This replaces fakesnow's conversions, which lose null timestamps, read a bound Decimal as an integer, and compute bound
times in floating point.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import fakesnow.arrow
import fakesnow.converter
import pyarrow as pa
import pyarrow.compute as pc
from fakesnow.rowtype import ColumnInfo

_MICROSECONDS = 1_000_000
_UTC = 1440  # offset on the wire: minutes plus one day
_EPOCH = datetime(1970, 1, 1)  # DuckDB's sessions are in UTC


def bound(binding: dict[str, Any]) -> object:
    kind, value = binding["type"], binding["value"]
    if value is None:
        return None
    if kind == "FIXED":
        return int(value) if value.lstrip("-").isdigit() else Decimal(value)
    if kind == "TIME":
        return _instant(value).time()
    if kind in ("TIMESTAMP_NTZ", "TIMESTAMP_LTZ"):
        return _instant(value)
    if kind == "TIMESTAMP_TZ":
        nanoseconds, _, offset = value.partition(" ")
        zone = timezone(timedelta(minutes=int(offset or _UTC) - _UTC))
        return _instant(nanoseconds).replace(tzinfo=UTC).astimezone(zone)
    return fakesnow.converter.from_binding(binding)


def _instant(nanoseconds: str) -> datetime:
    return _EPOCH + timedelta(microseconds=int(nanoseconds) // 1000)


def as_snowflake(table: pa.Table, rowtype: list[ColumnInfo]) -> pa.Table:
    columns = [_column(column.combine_chunks()) for column in table.columns]
    named = pa.schema(
        [field.with_type(column.type) for field, column in zip(table.schema, columns, strict=True)]
    )
    return pa.Table.from_arrays(columns, schema=fakesnow.arrow.to_sf_schema(named, rowtype))


def _column(column: pa.Array) -> pa.Array:
    if pa.types.is_timestamp(column.type):
        return _timestamp(column)
    if pa.types.is_time(column.type):
        return pc.multiply(column.cast(pa.time64("us")).cast(pa.int64()), 1000)
    if pa.types.is_null(column.type):
        return column.cast(pa.string())  # the type that Snowflake gives an untyped NULL
    return column


def _timestamp(column: pa.Array) -> pa.StructArray:
    """Split timestamps into whole seconds since 1970, rounded down, and the remaining nanoseconds."""
    micros = pc.fill_null(column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64()), 0)
    towards_zero = pc.divide(micros, _MICROSECONDS)
    before = pc.less(pc.subtract(micros, pc.multiply(towards_zero, _MICROSECONDS)), 0)
    seconds = pc.subtract(towards_zero, before.cast(pa.int64()))
    nanos = pc.multiply(pc.subtract(micros, pc.multiply(seconds, _MICROSECONDS)), 1000)
    parts = {"epoch": seconds, "fraction": nanos.cast(pa.int32())}
    if column.type.tz:
        parts["timezone"] = pa.array([_UTC] * len(column), pa.int32())
    fields = [pa.field(name, part.type, nullable=False) for name, part in parts.items()]
    return pa.StructArray.from_arrays(list(parts.values()), fields=fields, mask=column.is_null())
