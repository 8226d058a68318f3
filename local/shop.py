"""`python -m local shop --advance 1d`: the sample source SHOP is filled, or changes as it would in so much time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from local import resources
from local.sample.shop import DAYS, LAG, TABLES, Change, Shop, Table, advance, fill, stamped
from local.sql import Result
from warehouse.records import bound_rows

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}
# Flattening copies the whole array beside each of its rows, so its cost grows with the square of their number.
_ROWS_A_STATEMENT = 250
_WHERE = f"{resources.SHOP.name}.{resources.SHOP.schemas[0]}"


def duration(text: str) -> timedelta:
    """1d, 12h, 30m."""
    found = re.fullmatch(r"([1-9]\d{0,4})([dhm])", text)
    if not found:
        raise ValueError(f"{text!r} is no duration like 1d, 12h or 30m")
    return int(found[1]) * _UNITS[found[2]]


def change_shop(
    connection: SnowflakeConnection,
    by: timedelta,
    seed: int,
    customers: int,
    present: datetime | None = None,
    days: int = DAYS,
) -> tuple[datetime, list[Change]]:
    """Fill the shop if it is empty, else let the time go by, up to the present. Returns its new now and what has changed."""
    shop = read(connection)
    now = present or datetime.now(UTC).replace(tzinfo=None)
    changes = (
        stamped(shop, advance(shop, by, seed), by, now) if shop else fill(seed, now - LAG, customers, days)
    )
    write(connection, changes)
    return shop.after(changes).clock, changes


def summary(changes: Sequence[Change]) -> Result:
    kinds = ("insert", "update", "delete")
    counts = [
        (table.name, *(sum(c.table == table.name and c.kind == kind for c in changes) for kind in kinds))
        for table in TABLES
    ]
    return Result(["TABLE", "INSERTS", "UPDATES", "DELETES"], [tuple(row) for row in counts])


def read(connection: SnowflakeConnection) -> Shop:
    rows: list[Any] = []
    for table in TABLES:
        cursor = connection.cursor()
        cursor.execute(f"SELECT {', '.join(table.columns)} FROM {_WHERE}.{table.name}")
        rows += (table.row(*row) for row in cursor.fetchall())
    return Shop.of(rows)


def write(connection: SnowflakeConnection, changes: Sequence[Change]) -> None:
    """A round is a transaction, and holds one change of a row at most: a reader can see each version of a row."""
    cursor = connection.cursor()
    for changed in rounds(changes):
        cursor.execute("BEGIN")
        for table in TABLES:
            of_table = (change for change in changed if change.table == table.name)
            for some in _batches(of_table):
                cursor.execute(_merge(table), (_as_json(some),))
        cursor.execute("COMMIT")


def rounds(changes: Sequence[Change]) -> list[list[Change]]:
    """The first change of each row, then the second of each, and so on."""
    found: list[list[Change]] = []
    earlier: dict[tuple[Any, ...], int] = {}
    for change in changes:
        row = (change.table, *change.row.key)
        number = earlier.get(row, 0)
        earlier[row] = number + 1
        if number == len(found):
            found.append([])
        found[number].append(change)
    return found


def _batches(changes: Iterator[Change]) -> Iterator[list[Change]]:
    while some := list(islice(changes, _ROWS_A_STATEMENT)):
        yield some


def _merge(table: Table) -> str:
    columns = table.columns
    return f"""
        MERGE INTO {_WHERE}.{table.name} kept USING (
            {bound_rows({**columns, "is_gone": "BOOLEAN"})}
        ) told ON {" AND ".join(f"kept.{name} = told.{name}" for name in table.key)}
        WHEN MATCHED AND told.is_gone THEN DELETE
        WHEN MATCHED THEN UPDATE SET {", ".join(f"{name} = told.{name}" for name in columns)}
        WHEN NOT MATCHED THEN INSERT ({", ".join(columns)}) VALUES ({", ".join(f"told.{name}" for name in columns)})"""


def _as_json(changes: Sequence[Change]) -> str:
    """Without the fields that are null: a null of JSON is a value."""
    rows = ({**asdict(change.row), "is_gone": change.kind == "delete"} for change in changes)
    return json.dumps(
        [{name: value for name, value in row.items() if value is not None} for row in rows], default=str
    )
