"""The tables that are there, held against the history of migrations, before anything is made, given away or migrated.

IF NOT EXISTS takes over another system's table, and makes a dropped schema anew and empty, in the way of UNDROP.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from warehouse.account.checks import ObjectsDiffer, listed
from warehouse.account.names import MIGRATIONS_SCHEMA, SCHEMAS

if TYPE_CHECKING:
    from pathlib import Path

    from snowflake.connector import SnowflakeConnection

HISTORY = f"{MIGRATIONS_SCHEMA}.CHANGE_HISTORY"
EARLIER_HISTORY = "MONITORING.CHANGE_HISTORY"
_OF_ACCOUNT = "MONITORING.ACCOUNT_CHANGE_HISTORY"
_SCHEMA = re.compile(r"CREATE SCHEMA IF NOT EXISTS (\w+)")
_TABLE = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+\.\w+)")
_NAMED = 10
_TOO_LATE = (
    "If it is too late for that, rebuild an empty database from the lake (docs/operate.md, Disasters)."
)


def refuse_before_account(connection: SnowflakeConnection, database: str, migrations: Path) -> None:
    """Before grants give the deployer all that lies in our schemas. SHOW needs no warehouse, which may not exist yet."""
    there = _there(connection, database)
    if not there & {HISTORY, EARLIER_HISTORY}:
        _refuse_without_history(database, there)
        return
    schemas = {str(row["name"]) for row in listed(connection, f"SHOW SCHEMAS IN DATABASE {database}")}
    first = set(_SCHEMA.findall((migrations / "V0001__schemas.sql").read_text()))
    if gone := sorted(first - schemas):
        undropped = "; ".join(f"UNDROP SCHEMA {database}.{schema}" for schema in gone)
        raise ObjectsDiffer(
            f"schemas of {database} are gone: {', '.join(gone)}. Bring them back: {undropped}. Then run this again."
            f" {_TOO_LATE}"
        )


def refuse_before_migration(connection: SnowflakeConnection, database: str, migrations: Path) -> None:
    """As the deployer, who sees the tables that it owns."""
    there = _there(connection, database)
    applied: list[tuple[str]] = []
    if HISTORY in there:
        with connection.cursor() as cursor:
            applied = cursor.execute(f"SELECT script FROM {database}.{HISTORY}").fetchall()
    if not applied:
        _refuse_without_history(database, there)
        return
    files = [migrations / script for (script,) in applied if (migrations / script).exists()]
    if gone := sorted({table for file in files for table in _TABLE.findall(file.read_text())} - there):
        raise ObjectsDiffer(
            f"tables of {database} are gone, although they were migrated: {_some(gone)}. Bring each back: UNDROP TABLE"
            f" {database}.{gone[0]}. Of a dropped schema, rename the new empty one, then UNDROP SCHEMA. Then run this again."
            f" {_TOO_LATE}"
        )


def _there(connection: SnowflakeConnection, database: str) -> set[str]:
    rows = [
        row
        for kind in ("TABLES", "VIEWS")
        for row in listed(connection, f"SHOW {kind} IN DATABASE {database}")
    ]
    return {
        f"{row['schema_name']}.{row['name']}"
        for row in rows
        if row["schema_name"] in (MIGRATIONS_SCHEMA, *SCHEMAS)
    }


def _refuse_without_history(database: str, there: set[str]) -> None:
    if strange := sorted(there - {HISTORY, EARLIER_HISTORY, _OF_ACCOUNT}):
        history = f"{database}.{HISTORY}"
        raise ObjectsDiffer(
            f"{history} has no record of a migration that made these tables or views: {_some(strange)}. If they are another"
            " system's, move them or take another database. If our history was lost, bring it back:"
            f" UNDROP SCHEMA {database}.{MIGRATIONS_SCHEMA}, or UNDROP TABLE {history}, or of an empty one"
            f" INSERT INTO {history} SELECT * FROM {history} AT (TIMESTAMP => '<before>'::TIMESTAMP_LTZ)."
            " Then run this again."
        )


def _some(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
