"""A Parquet file's schema and row count from its last bytes.

The worker never downloads data: one ranged request per file tells whether the file is whole, what its columns are and
how many rows a run must account for.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from tasks import objects
from tasks.errors import DataError

_TAIL = 64 * 1024
_MAGIC = b"PAR1"


@dataclass(frozen=True)
class Footer:
    rows: int
    schema: pa.Schema
    nulls: dict[str, int]
    """Nulls per column, where the file's statistics say so."""


def read_footer(address: str, size: int) -> Footer:
    """Raises DataError that names the file when it is empty, cut off or not Parquet."""
    if size == 0:
        raise DataError(
            f"{address} is empty (0 bytes). Ask the source to deliver it again, then run the date again."
        )
    tail = objects.part(address, max(0, size - _TAIL), size)
    if len(tail) < 12 or tail[-4:] != _MAGIC:
        raise DataError(
            f"{address} is not a whole Parquet file ({size} bytes, no closing mark): it was cut off or is of another "
            "format. Ask the source to deliver it again, then run the date again."
        )
    needed = struct.unpack("<I", tail[-8:-4])[0] + 8
    if needed > size:
        raise DataError(f"{address} is damaged: its footer claims {needed} bytes, the file has {size}.")
    if needed > len(tail):
        tail = objects.part(address, size - needed, size)
    try:
        # The footer's own offsets are never followed here, so the tail alone is file enough.
        metadata = pq.read_metadata(io.BytesIO(_MAGIC + tail[-needed:]))
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{address} has an unreadable Parquet footer: {error}") from error
    return Footer(metadata.num_rows, metadata.schema.to_arrow_schema(), _nulls(metadata))


def _nulls(metadata: pq.FileMetaData) -> dict[str, int]:
    nulls: dict[str, int] = {}
    for group in range(metadata.num_row_groups):
        for position in range(metadata.num_columns):
            column = metadata.row_group(group).column(position)
            if column.statistics is not None and column.statistics.has_null_count:
                name = column.path_in_schema
                nulls[name] = nulls.get(name, 0) + column.statistics.null_count
    return nulls
