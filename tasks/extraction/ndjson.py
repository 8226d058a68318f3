"""Rows as lines of JSON beside the bronze table, for consumers that read no Parquet.

A timestamp is text in ISO 8601 with Z, a decimal is text with all its digits, a null is null.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import duckdb
import pyarrow as pa

from contracts.dialects.duckdb_values import literal, name
from tasks.services import objects
from tasks.settings import settings


def address(entity: str, window_id: str, work: str) -> str:
    """A file of one part of one holder of the lease: written again it is the same, and no other's is overwritten."""
    return f"s3://{settings().lake_bucket}/bronze/_ndjson/{entity}/{window_id}/{work}.ndjson.gz"


def publish(rows: pa.Table, to: str, scratch: Path) -> None:
    path = scratch / "rows.ndjson.gz"
    with _engine().cursor() as connection:
        connection.register("written", rows)
        columns = ", ".join(f"{_written(field)} AS {name(field.name)}" for field in rows.schema)
        connection.execute(
            f"COPY (SELECT {columns} FROM written) TO {literal(str(path))} (FORMAT json, COMPRESSION gzip)"  # noqa: S608
        )
    objects.upload(path, to)
    path.unlink()


def _written(field: pa.Field) -> str:
    at = name(field.name)
    if pa.types.is_timestamp(field.type):
        return f"strftime({at}::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%fZ')"
    return f"CAST({at} AS VARCHAR)" if pa.types.is_decimal(field.type) else at


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 1})
