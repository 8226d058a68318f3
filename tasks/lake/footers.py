"""Read a Parquet file's schema and row count from its footer.

The worker never downloads data: one ranged request per file tells whether the file is complete, which columns it has
and how many rows a run must account for.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.io import InputFile

from tasks.errors import DataError
from tasks.services import objects

_TAIL = 64 * 1024
_MAGIC = b"PAR1"


@dataclass(frozen=True)
class Footer:
    rows: int
    schema: pa.Schema
    nulls: dict[str, int]
    """Nulls per column, where the file's statistics say so."""
    metadata: pq.FileMetaData

    def extremes(self, column: str) -> tuple[Any, Any] | None:
        """The minimum and maximum of a column, or None if it has no values or the statistics do not contain them."""
        least, greatest = [], []
        for statistics, rows in _statistics(self.metadata, column):
            if statistics is not None and statistics.has_min_max:
                least.append(statistics.min)
                greatest.append(statistics.max)
            elif statistics is None or statistics.null_count != rows:
                return None
        return (min(least), max(greatest)) if least else None


def read_footer(address: str, size: int) -> Footer:
    """The footer of a file. Raises DataError that names the file if it is empty, truncated or not Parquet."""
    if size == 0:
        raise DataError(
            f"{address} is empty (0 bytes). Ask the source to deliver it again, then run the date again."
        )
    try:
        footer = _whole_footer(address, objects.part(address, max(0, size - _TAIL), size), size)
    except pa.ArrowInvalid as error:
        raise DataError(f"{error} Ask the source to deliver it again, then run the date again.") from error
    try:
        metadata = pq.read_metadata(io.BytesIO(footer))
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{address} has an unreadable Parquet footer: {error}") from error
    return Footer(metadata.num_rows, _schema(metadata), _nulls(metadata), metadata)


class FooterOf(InputFile):
    """A Parquet file whose footer alone is read, for an Iceberg commit: one request instead of pyiceberg's four."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        tail, self._size = objects.tail(address, _TAIL)
        self._footer = _whole_footer(address, tail, self._size)

    def __len__(self) -> int:
        return self._size

    def exists(self) -> bool:
        return True

    def open(self, seekable: bool = True) -> io.BytesIO:  # noqa: ARG002
        return io.BytesIO(self._footer)


def _whole_footer(address: str, tail: bytes, size: int) -> bytes:
    """The footer between two magic numbers. Readers of metadata use no offsets, so they accept it as a file."""
    if len(tail) < 12 or tail[-4:] != _MAGIC:
        raise pa.ArrowInvalid(
            f"{address} is not a whole Parquet file ({size} bytes, no closing mark): it was cut off or is of another "
            "format."
        )
    needed = struct.unpack("<I", tail[-8:-4])[0] + 8
    if needed > size:
        raise pa.ArrowInvalid(f"{address} is damaged: its footer claims {needed} bytes, the file has {size}.")
    if needed > len(tail):
        tail = objects.part(address, size - needed, size)
    return _MAGIC + tail[-needed:]


def _schema(metadata: pq.FileMetaData) -> pa.Schema:
    """The Arrow schema, with INT96 as an instant: Spark, Hive and Impala write instants that way."""
    schema = metadata.schema.to_arrow_schema()
    for position in range(metadata.num_columns):
        column = metadata.schema.column(position)
        if column.physical_type == "INT96" and column.path in schema.names:
            field = schema.field(column.path).with_type(pa.timestamp("us", "UTC"))
            schema = schema.set(schema.names.index(column.path), field)
    return schema


def _nulls(metadata: pq.FileMetaData) -> dict[str, int]:
    nulls: dict[str, int] = {}
    for group in range(metadata.num_row_groups):
        for position in range(metadata.num_columns):
            column = metadata.row_group(group).column(position)
            if column.statistics is not None and column.statistics.has_null_count:
                name = column.path_in_schema
                nulls[name] = nulls.get(name, 0) + column.statistics.null_count
    return nulls


def _statistics(metadata: pq.FileMetaData, column: str) -> Iterator[tuple[pq.Statistics | None, int]]:
    """A column's statistics in each row group, with the group's rows."""
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for position in range(metadata.num_columns):
            chunk = group.column(position)
            if chunk.path_in_schema == column:
                yield chunk.statistics, group.num_rows
