"""MERGE text: one row per key, and a newer version always wins, whatever the order in which versions arrive.

A newer version replaces the row even when its content is the same: keeping the older version's date would let a version
that lies between the two overwrite it later. At an equal version a different content is a redelivery and wins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_LOWEST = "'0001-01-01'::TIMESTAMP_NTZ"

NEWER_SNAPSHOT = (
    "(src.source_date > tgt.source_date"
    " OR (src.source_date = tgt.source_date AND src.content_hash <> tgt.content_hash))"
)
NEWER_CHANGE = (
    f"(COALESCE(src.changed_at, {_LOWEST}) > COALESCE(tgt.changed_at, {_LOWEST})"
    f" OR (COALESCE(src.changed_at, {_LOWEST}) = COALESCE(tgt.changed_at, {_LOWEST})"
    f" AND {NEWER_SNAPSHOT}))"
)
NEWER_MASTER = f"(tgt.is_inferred OR {NEWER_SNAPSHOT})"


def newest_rows(table: str, key: Sequence[str], *, changed_at: bool = False, computed: str = "") -> str:
    """Snowflake fails on a MERGE whose source has a key twice and the stand-in does not: the source is made unique."""
    order = ["changed_at DESC NULLS LAST"] if changed_at else []
    order += ["source_date DESC", "content_hash DESC"]
    selected = f"*, {computed}" if computed else "*"
    return (
        f"SELECT {selected}\n    FROM {table}\n    QUALIFY ROW_NUMBER() OVER "
        f"(PARTITION BY {', '.join(key)} ORDER BY {', '.join(order)}) = 1"
    )


def same_key(key: Sequence[str]) -> str:
    return " AND ".join(f"tgt.{column} = src.{column}" for column in key)


def merge_text(
    target: str,
    source: str,
    key: Sequence[str],
    columns: Sequence[str],
    *,
    newer: str | None,
    inserted: Mapping[str, str] | None = None,
    updated: Mapping[str, str] | None = None,
) -> str:
    """`inserted` and `updated` are expressions for columns that do not come from the source."""
    lines = [f"MERGE INTO {target} tgt", f"USING (\n    {source}\n) src", f"ON {same_key(key)}"]
    if newer is not None:
        changes = {c: f"src.{c}" for c in columns if c not in key} | dict(updated or {})
        sets = ",\n    ".join(f"{column} = {value}" for column, value in changes.items())
        lines.append(f"WHEN MATCHED AND {newer} THEN UPDATE SET\n    {sets}")
    values = {c: f"src.{c}" for c in columns} | dict(inserted or {})
    lines.append(
        f"WHEN NOT MATCHED THEN INSERT (\n    {', '.join(values)}\n) VALUES (\n    {', '.join(values.values())}\n)"
    )
    return "\n".join(lines)
