"""Tombstones in bronze: that a key was found gone. What the lake had of the key before is known no more."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from contracts.dialects.duckdb_values import name as quoted
from tasks.extraction.unmatched import unmatched
from tasks.lake.lake_tables import lake_failures, load

FOUND_AT = "extraction_timestamp"


def tombstones_of(namespace: str, table_name: str, key: Sequence[str]) -> pa.Table:
    """The keys that were found gone, and when each was last."""
    table = load(namespace, table_name)
    if table is None or table.current_snapshot() is None:
        return pa.table({})
    with lake_failures(f"reading the tombstones of {namespace}.{table_name}"):
        found = table.scan(row_filter="is_tombstone = true", selected_fields=(*key, FOUND_AT)).to_arrow()
    return found.group_by(list(key)).aggregate([(FOUND_AT, "max")]).rename_columns([*key, FOUND_AT])


def not_gone_since(rows: pa.Table, tombstones: pa.Table, key: Sequence[str]) -> pa.Table:
    """The rows that came into the lake after their key was last found gone, if it ever was."""
    if not rows.num_rows or not tombstones.num_rows:
        return rows
    same = " AND ".join(f"o.{quoted(part)} = r.{quoted(part)}" for part in key)
    return unmatched(rows, tombstones, f"{same} AND o.{FOUND_AT} > r.{FOUND_AT}")
