"""MERGE text for rows that come from Python: small sets as one bound JSON array, large ones from a staging table.

Row by row, each would be a round trip and its own micro-partition; as a VALUES list, a backfill's figures would take longer
to parse than to run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime


def bound_rows(types: Mapping[str, str]) -> str:
    """A SELECT of the rows in the statement's single parameter, a JSON array of objects."""
    picked = ", ".join(f"item.value:{column}::{kind} AS {column}" for column, kind in types.items())
    return f"""SELECT {picked}
    FROM (SELECT PARSE_JSON(%s) AS items) given, LATERAL FLATTEN(INPUT => given.items) item"""


def staged_rows(types: Mapping[str, str], staging: str) -> str:
    return f"SELECT {', '.join(types)} FROM {staging}"


def upsert_text(
    table: str, columns: Sequence[str], key: Sequence[str], rows: str, kept: Collection[str] = ()
) -> str:
    """A MERGE in which the new row always wins, except that a null does not overwrite `kept` columns."""
    sets = ", ".join(
        f"{column} = COALESCE(src.{column}, tgt.{column})" if column in kept else f"{column} = src.{column}"
        for column in columns
        if column not in key
    )
    return f"""MERGE INTO {table} tgt
USING (
    {rows}
) src
ON {" AND ".join(f"tgt.{part} = src.{part}" for part in key)}
WHEN MATCHED THEN UPDATE SET {sets}
WHEN NOT MATCHED THEN INSERT ({", ".join(columns)})
VALUES ({", ".join(f"src.{column}" for column in columns)})"""


def utc(moment: datetime) -> datetime:
    """The time in UTC without a zone, as it is stored. A naive time is refused: it would be a machine's local time."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone, so the moment is ambiguous.")
    return moment.astimezone(UTC).replace(tzinfo=None)
