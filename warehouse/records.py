"""MERGE text for rows that come from Python rather than from the lake: all of them in one bound JSON array.

Row by row, each would be a round trip and a micro-partition of its own; as a list of VALUES, a backfill's figures would make
a statement that takes longer to parse than to run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence


def merge_rows_text(
    table: str, types: Mapping[str, str], key: Sequence[str], kept: Collection[str] = ()
) -> str:
    """`types` are the columns; a null leaves what `kept` columns hold. The one parameter is an array of objects."""
    picked = ", ".join(f"item.value:{column}::{kind} AS {column}" for column, kind in types.items())
    sets = ", ".join(
        f"{column} = COALESCE(src.{column}, tgt.{column})" if column in kept else f"{column} = src.{column}"
        for column in types
        if column not in key
    )
    return f"""MERGE INTO {table} tgt
USING (
    SELECT {picked}
    FROM (SELECT PARSE_JSON(%s) AS items) given, LATERAL FLATTEN(INPUT => given.items) item
) src
ON {" AND ".join(f"tgt.{part} = src.{part}" for part in key)}
WHEN MATCHED THEN UPDATE SET {sets}
WHEN NOT MATCHED THEN INSERT ({", ".join(types)})
VALUES ({", ".join(f"src.{column}" for column in types)})"""
