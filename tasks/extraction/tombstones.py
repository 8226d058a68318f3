"""Tombstones in bronze: that a key was found gone. What the lake had of the key before is known no more."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import duckdb
import pyarrow as pa

from contracts.dialects.duckdb_values import name as quoted
from tasks.lake.lake_tables import load, told

FOUND_AT = "extraction_timestamp"


def tombstones_of(namespace: str, table_name: str, key: Sequence[str]) -> pa.Table:
    """The keys that were found gone, and when each was last."""
    table = load(namespace, table_name)
    if table is None or table.current_snapshot() is None:
        return pa.table({})
    with told(f"reading the tombstones of {namespace}.{table_name}"):
        found = table.scan(row_filter="is_tombstone = true", selected_fields=(*key, FOUND_AT)).to_arrow()
    return found.group_by(list(key)).aggregate([(FOUND_AT, "max")]).rename_columns([*key, FOUND_AT])


def not_gone_since(rows: pa.Table, tombstones: pa.Table, key: Sequence[str]) -> pa.Table:
    """The rows that came into the lake after their key was last found gone, if it ever was."""
    if not rows.num_rows or not tombstones.num_rows:
        return rows
    same = " AND ".join(f"t.{quoted(part)} = r.{quoted(part)}" for part in key)
    with _engine().cursor() as connection:
        connection.register("known", rows)
        connection.register("tombstones", tombstones)
        places = connection.sql(
            f"SELECT _place FROM (SELECT row_number() OVER () - 1 AS _place, * FROM known) r "  # noqa: S608
            f"WHERE NOT EXISTS (SELECT 1 FROM tombstones t WHERE {same} AND t.{FOUND_AT} > r.{FOUND_AT}) ORDER BY _place"
        ).to_arrow_table()
    return rows if places.num_rows == rows.num_rows else rows.take(places.column("_place"))


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 1})
