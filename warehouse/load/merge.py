"""MERGE text: one row per key, and the newest version wins, in whatever order versions arrive.

A newer version replaces the row even if the content is the same. Otherwise the row would keep the older date, and a version
between the two could overwrite it later. At an equal version, different content is a redelivery and wins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_LOWEST = "'0001-01-01'::TIMESTAMP_NTZ"


def outranks(one: str, other: str, *, changed_at: bool = False) -> str:
    """SQL that is true if `one` is the newer version: by changed_at, if the dataset has it, then by raw date."""
    by_date = f"{one}.source_date > {other}.source_date"
    if not changed_at:
        return by_date
    first, second = (f"COALESCE({side}.changed_at, {_LOWEST})" for side in (one, other))
    return f"({first} > {second} OR ({first} = {second} AND {by_date}))"


def newer(*, changed_at: bool = False) -> str:
    """SQL that is true if src replaces tgt. Among equal versions the lake has chosen, and its log is loaded in order."""
    same = ["src.source_date = tgt.source_date", "src.content_hash <> tgt.content_hash"]
    if changed_at:
        same.insert(0, f"COALESCE(src.changed_at, {_LOWEST}) = COALESCE(tgt.changed_at, {_LOWEST})")
    return f"({outranks('src', 'tgt', changed_at=changed_at)} OR ({' AND '.join(same)}))"


NEWER_SNAPSHOT = newer()
NEWER_CHANGE = newer(changed_at=True)
NEWER_MASTER = f"(tgt.is_inferred OR {NEWER_SNAPSHOT})"


def newest_rows(table: str, key: Sequence[str], *, changed_at: bool = False, computed: str = "") -> str:
    """The newest row per key, because in Snowflake a MERGE fails if its source has a key twice."""
    order = ["changed_at DESC NULLS LAST"] if changed_at else []
    order += ["source_date DESC", "content_hash DESC"]
    selected = f"*, {computed}" if computed else "*"
    return (
        f"SELECT {selected}\n    FROM {table}\n    QUALIFY ROW_NUMBER() OVER "
        f"(PARTITION BY {', '.join(key)} ORDER BY {', '.join(order)}) = 1"
    )


def same_key(key: Sequence[str], one: str = "tgt", other: str = "src") -> str:
    return " AND ".join(f"{one}.{column} = {other}.{column}" for column in key)


def merge_text(
    target: str,
    source: str,
    key: Sequence[str],
    columns: Sequence[str],
    *,
    newer: str | None,
    inserted: Mapping[str, str] | None = None,
    updated: Mapping[str, str] | None = None,
    deleted: str | None = None,
) -> str:
    """A MERGE statement. `newer` is the condition for an update (None: insert only), `deleted` the condition on a source
    row for deleting its target. `inserted` and `updated` are expressions for columns that are not in the source."""
    lines = [f"MERGE INTO {target} tgt", f"USING (\n    {source}\n) src", f"ON {same_key(key)}"]
    if deleted is not None:
        lines.append(f"WHEN MATCHED AND {newer} AND {deleted} THEN DELETE")
    if newer is not None:
        changes = {c: f"src.{c}" for c in columns if c not in key} | dict(updated or {})
        sets = ",\n    ".join(f"{column} = {value}" for column, value in changes.items())
        lines.append(f"WHEN MATCHED AND {newer} THEN UPDATE SET\n    {sets}")
    values = {c: f"src.{c}" for c in columns} | dict(inserted or {})
    unmatched = f"WHEN NOT MATCHED AND NOT {deleted}" if deleted is not None else "WHEN NOT MATCHED"
    lines.append(
        f"{unmatched} THEN INSERT (\n    {', '.join(values)}\n) VALUES (\n    {', '.join(values.values())}\n)"
    )
    return "\n".join(lines)
