"""MERGE text for rows that come from Python rather than from the lake: all of them in one statement.

Row by row, each would be a round trip and a micro-partition of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence


def merge_rows_text(
    table: str, types: Mapping[str, str], key: Sequence[str], rows: int, kept: Collection[str] = ()
) -> str:
    """`types` are the columns in the order of the bound values; a null leaves what `kept` columns hold."""
    picked = ", ".join(
        f"column{position}::{kind} AS {column}" for position, (column, kind) in enumerate(types.items(), 1)
    )
    row = f"({', '.join(['%s'] * len(types))})"
    sets = ", ".join(
        f"{column} = COALESCE(src.{column}, tgt.{column})" if column in kept else f"{column} = src.{column}"
        for column in types
        if column not in key
    )
    return f"""MERGE INTO {table} tgt
USING (
    SELECT {picked}
    FROM VALUES {", ".join([row] * rows)}
) src
ON {" AND ".join(f"tgt.{part} = src.{part}" for part in key)}
WHEN MATCHED THEN UPDATE SET {sets}
WHEN NOT MATCHED THEN INSERT ({", ".join(types)})
VALUES ({", ".join(f"src.{column}" for column in types)})"""
