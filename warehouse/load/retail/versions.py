"""The version of a row: the greatest one of its key is in STAGE, whichever was loaded first."""

from __future__ import annotations

from collections.abc import Sequence

VERSION = ("batch_date", "received_at", "source_file", "version_id", "line_number")


def outranks(one: str, other: str, columns: Sequence[str] = VERSION) -> str:
    """SQL that is true if `one` is greater in the first of these columns in which the two differ."""
    first, *rest = columns
    greater = f"{one}.{first} > {other}.{first}"
    if not rest:
        return greater
    return f"({greater} OR ({one}.{first} = {other}.{first} AND {outranks(one, other, rest)}))"


def greatest(rows: str, key: Sequence[str]) -> str:
    """The greatest row of each key, of a query that calls them `raw`. In Snowflake a MERGE fails on a repeated key."""
    keys = ", ".join(f"raw.{column}" for column in key)
    order = ", ".join(f"raw.{column} DESC" for column in VERSION)
    return f"{rows}\n    QUALIFY ROW_NUMBER() OVER (PARTITION BY {keys} ORDER BY {order}) = 1"
