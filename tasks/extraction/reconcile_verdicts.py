"""What a row of the source is to the lake: known, or a difference of some kind. Also which keys the source no longer has."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache

import duckdb
import pyarrow as pa

from contracts.dialects.duckdb_values import name as quoted
from contracts.language.dataset import Dataset
from tasks.extraction.moments import micros
from tasks.extraction.reconcile_sql import DIGEST

KNOWN, PENDING = "known", "pending"
MISSING, CHANGED, SET_BACK, FOUND_AGAIN = "missing", "changed", "set back", "found again"
DIFFERENCES = (MISSING, CHANGED, SET_BACK, FOUND_AGAIN)
_BEGINNING = micros(datetime.min)


def verdicts(dataset: Dataset, watermark: str, value: str, rows: pa.Table, lake: pa.Table) -> pa.Table:
    """A verdict on each row, in their order, and the date of what the lake has, in microseconds.

    - pending: later than the watermark. The next extraction takes it.
    - missing: the lake has no version of this date.
    - changed: the lake has one of this date, with other content. So it is if the lake dates the row when it is found, as
      its key was gone at a later date.
    - set back: what the lake has is later. It was taken back, or written over by a transaction that began before it.
    - found again: the lake has a tombstone.
    """
    with _engine().cursor() as connection:
        connection.register("fresh", rows)
        connection.register("lake", lake)
        return connection.sql(
            f"""SELECT CASE
    WHEN epoch_us(r.{quoted(watermark)}) > {micros(datetime.fromisoformat(value))} THEN '{PENDING}'
    WHEN k.dated_at IS NULL THEN '{MISSING}'
    WHEN k.digest IS NULL THEN '{FOUND_AGAIN}'
    WHEN k.digest = r.{DIGEST} THEN '{KNOWN}'
    WHEN k.gone_at >= r._dated OR k.dated_at = r._dated THEN '{CHANGED}'
    WHEN k.dated_at > r._dated THEN '{SET_BACK}'
    ELSE '{MISSING}' END AS verdict, k.dated_at
FROM (SELECT row_number() OVER () AS _place, *, {_dated(dataset, watermark)} AS _dated FROM fresh) r
LEFT JOIN lake k ON {_same(dataset.key, "r", "k")}
ORDER BY _place"""  # noqa: S608
        ).to_arrow_table()


def without(keys: pa.Table, seen: pa.Table, key: Sequence[str]) -> pa.Table:
    """The entries whose keys are not among those that were seen."""
    if not keys.num_rows or not seen.num_rows:
        return keys
    with _engine().cursor() as connection:
        connection.register("kept", keys)
        connection.register("seen", seen)
        return connection.sql(
            f"SELECT * FROM kept k WHERE NOT EXISTS (SELECT 1 FROM seen s WHERE {_same(key, 'k', 's')})"  # noqa: S608
        ).to_arrow_table()


def _dated(dataset: Dataset, watermark: str) -> str:
    names = [name for name in (watermark, "created_at") if name in dataset.names]
    return f"coalesce({', '.join(f'epoch_us({quoted(name)})' for name in names)}, {_BEGINNING})"


def _same(key: Sequence[str], left: str, right: str) -> str:
    return " AND ".join(f"{left}.{quoted(part)} = {right}.{quoted(part)}" for part in key)


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 1})
