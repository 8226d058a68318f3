"""The mode changes: Snowflake's change tracking says which rows of a table came, changed and went in a window.

It goes by the time of the commit. So a window begins at the watermark itself, and nothing is committed too late for it. It
tells the net change: of a row that changed twice the last version, of one that came and went nothing. Columns it adds:
METADATA$ACTION (INSERT or DELETE; an update is both), METADATA$ISUPDATE and METADATA$ROW_ID.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tasks.errors import SystemFault
from tasks.extraction.query import BEGINNING
from warehouse.names import identifier

_ADDED = "METADATA$ACTION, METADATA$ISUPDATE, METADATA$ROW_ID"
_BETWEEN = "AT(TIMESTAMP => CAST(:low AS TIMESTAMP_LTZ)) END(TIMESTAMP => CAST(:high AS TIMESTAMP_LTZ))"


def rows(table: str, watermark: str, low: str) -> str:
    """The rows that came or changed in (low, high], as they were at high. Without a low, all rows as they were at high.

    Those without a watermark are left to the entity's own query for them.
    """
    dated = f"{identifier(watermark)} IS NOT NULL"
    if low == BEGINNING:
        return f"SELECT * FROM {_named(table)} AT(TIMESTAMP => CAST(:high AS TIMESTAMP_LTZ)) WHERE {dated}"  # noqa: S608
    came = f"METADATA$ACTION = 'INSERT' AND {dated}"
    return f"SELECT * EXCLUDE ({_ADDED}) FROM {_changes(table)} {_BETWEEN} WHERE {came}"  # noqa: S608


def gone(table: str, key: Sequence[str], watermark: str) -> str:
    """The keys that are gone at high, dated high.

    An update has a row that is inserted, of the same METADATA$ROW_ID. If it changed the key, only the new key has one.
    """
    names = ", ".join(map(identifier, key))
    are_there = " AND ".join(f"{identifier(part)} IS NOT NULL" for part in key)
    return (
        f"SELECT {names}, CAST(:high AS TIMESTAMP_NTZ) AS {identifier(watermark)} FROM {_changes(table)} {_BETWEEN} "  # noqa: S608
        f"WHERE {are_there} GROUP BY {names} HAVING COUNT_IF(METADATA$ACTION = 'INSERT') = 0"
    )


def trial(table: str) -> str:
    """A query that fails if there are no changes to be had."""
    return f"SELECT METADATA$ACTION FROM {_changes(table)} AT(OFFSET => -1) WHERE 1 = 0"  # noqa: S608


def _changes(table: str) -> str:
    return f"{_named(table)} CHANGES(INFORMATION => DEFAULT)"


def _named(table: str) -> str:
    return ".".join(map(identifier, table.split(".")))


@contextmanager
def explained(entity: str, table: str) -> Iterator[None]:
    """What to do if the source refuses."""
    try:
        yield
    except SystemFault as error:
        raise SystemFault(
            f"{entity}: the source does not tell the changes of {table}: {error} The table needs CHANGE_TRACKING = TRUE, "
            "and the watermark must lie within its DATA_RETENTION_TIME_IN_DAYS. Correct that, or use the mode watermark or "
            "unload. The watermark stays."
        ) from error
