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
    made = {schema for file in migrations.glob("V*.sql") for schema in _SCHEMA.findall(file.read_text())}
    if gone := sorted(made - schemas):
        undropped = "; ".join(f"UNDROP SCHEMA {database}.{schema}" for schema in gone)
        raise ObjectsDiffer(
            f"schemas of {database} are gone: {', '.join(gone)}. Bring them back: {undropped}. Then run this again."
            f" {_TOO_LATE} One that this database never had: CREATE SCHEMA {database}.{gone[0]}."
        )


def refuse_before_migration(connection: SnowflakeConnection, database: str, migrations: Path) -> None:
    """As the deployer, who sees the tables that it owns."""
    there = _there(connection, database)
    history = next((each for each in (HISTORY, EARLIER_HISTORY) if each in there), None)
    applied = _applied(connection, f"{database}.{history}") if history else []
    if not applied:
        _refuse_without_history(database, there)
    else:
        _refuse_gone(database, _made_by(applied, migrations) - there)


def refuse_what_is_not_ours(connection: SnowflakeConnection, database: str, migrations: Path) -> None:
    """After a migration: a table that the deployer does not see was there before, and is another role's."""
    applied = _applied(connection, f"{database}.{HISTORY}")
    _refuse_gone(database, _made_by(applied, migrations) - _there(connection, database))


def _applied(connection: SnowflakeConnection, history: str) -> list[str]:
    # schemachange also records what failed, which is run again.
    with connection.cursor() as cursor:
        applied = cursor.execute(f"SELECT script FROM {history} WHERE status = 'Success'").fetchall()
    return [str(script) for (script,) in applied]


def _made_by(scripts: list[str], migrations: Path) -> set[str]:
    files = [migrations / script for script in scripts if (migrations / script).exists()]
    return {table for file in files for table in _TABLE.findall(file.read_text())}


def _refuse_gone(database: str, gone: set[str]) -> None:
    if not gone:
        return
    raise ObjectsDiffer(
        f"tables of {database} are gone, or another role's, although they were migrated: {_some(sorted(gone))}."
        f" One that is there: if it is ours, `migrate --account {database}` gives it to the deployer; if it is another"
        f" system's, move it and, as {database}_DEPLOYER, run what the files in warehouse/migrations say of it."
        f" One that is gone: UNDROP TABLE {database}.{min(gone)}; if its schema was dropped, rename a new one of that name,"
        " then UNDROP SCHEMA."
        f" If it is too late for both: of a mart run, as {database}_DEPLOYER, its statements in"
        " warehouse/migrations, then `python -m warehouse rebuild-marts`; of any other table rebuild an empty database from"
        " the lake (docs/operate.md, Disasters). Then run this again."
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
