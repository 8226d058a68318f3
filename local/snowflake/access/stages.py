"""Stages and file formats: fakesnow has them in DuckDB's memory, so their rows are kept with their owners."""

from __future__ import annotations

from typing import Any

from local.snowflake.access.registry import Thing
from local.snowflake.access.securables import Securable

_TABLES = {
    "STAGE": "_fs_global._fs_information_schema._fs_stages",
    "FILE FORMAT": "_fs_global._fs_information_schema._fs_file_formats",
}
_ROW = "ROW"


def keep(connection: Any, securable: Securable, thing: Thing) -> bool:
    """Note the row of a new stage or format. False if it is something else."""
    if (table := _TABLES.get(securable.kind)) is None:
        return False
    found = connection.execute(
        f"SELECT * FROM {table} WHERE (upper(database_name), upper(schema_name), upper(name)) = (?, ?, ?)",
        [*securable.name],
    )
    columns = [column[0] for column in found.description]
    rows = found.fetchall()
    if not rows:
        return False
    thing.properties[_ROW] = {
        column: None if value is None else str(value) for column, value in zip(columns, rows[0], strict=True)
    }
    return True


def note_integration(connection: Any, stage: Securable, integration: str) -> None:
    """fakesnow forgets it."""
    connection.execute(
        f"UPDATE {_TABLES['STAGE']} SET storage_integration = ?"
        " WHERE (upper(database_name), upper(schema_name), upper(name)) = (?, ?, ?)",
        [integration, *stage.name],
    ).fetchall()


def put_back(connection: Any, securable: Securable, thing: Thing) -> None:
    row = thing.properties.get(_ROW)
    table = _TABLES.get(securable.kind)
    if row and table:
        columns, marks = ", ".join(row), ", ".join("?" * len(row))
        connection.execute(f"INSERT OR REPLACE INTO {table} ({columns}) VALUES ({marks})", [*row.values()])
