"""Apply the .sql files with schemachange: V files once and in order, R files whenever their text changes, A files each time.

schemachange records each file's checksum but silently ignores changes to an applied V file; we refuse them. We use it as a
library with our own connection, because its own login would log a private key given as bytes at debug level.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from schemachange.config.ChangeHistoryTable import ChangeHistoryTable
from schemachange.config.DeployConfig import DeployConfig
from schemachange.deploy import deploy
from schemachange.JinjaTemplateProcessor import JinjaTemplateProcessor
from schemachange.ScriptExecutionError import ScriptExecutionError
from schemachange.session.Script import VersionedScript, get_all_scripts_recursively
from schemachange.session.SnowflakeSession import SnowflakeSession

from warehouse.account.checks import ObjectsDiffer, ensure, found, tables_of
from warehouse.account.given import Given
from warehouse.account.names import ADMIN_SCHEMA, MIGRATIONS_SCHEMA, AccountNames
from warehouse.account.objects import account_objects, role
from warehouse.leftovers import drop_leaked_staging
from warehouse.made_before import refuse_before_account, refuse_before_migration, refuse_what_is_not_ours

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

FOLDER = Path(__file__).parent
MIGRATIONS = FOLDER / "migrations"
ACCOUNT = FOLDER / "account"


class MigrationRefused(Exception):
    """The migration history and the files disagree, or Snowflake refused a statement; a person has to decide."""


class _OpenSession(SnowflakeSession):  # type: ignore[misc]  # schemachange has no types
    def __init__(self, connection: SnowflakeConnection, history: ChangeHistoryTable) -> None:
        self.con = connection
        self.change_history_table = history
        self.autocommit = True  # DDL commits by itself; files are written to be repeatable
        self.logger = structlog.get_logger("schemachange")
        # A name out of connections.toml is tomlkit's kind of str, which the connector refuses to bind.
        self.account, self.user = str(connection.account), str(connection.user)
        self.role = connection.role
        self.warehouse, self.database, self.schema = connection.warehouse, history.database_name, None

    def __del__(self) -> None:
        """Do nothing: the caller closes the connection."""

    def reset_session(self, logger: Any) -> None:
        """Do nothing: files qualify all names, so there is no session state to reset."""

    def reset_query_tag(self, logger: Any, extra_tag: str | None = None) -> None:
        """Do nothing: the tag was set when the connection was opened."""


def migrate(connection: SnowflakeConnection, database: str) -> None:
    """Apply warehouse/migrations, as the deployer: the tables and reference rows of one database."""
    names = AccountNames(database)
    refuse_before_migration(connection, names.database, MIGRATIONS)
    _move_history(connection, names.database)
    _deploy(connection, names, MIGRATIONS, MIGRATIONS_SCHEMA)
    refuse_what_is_not_ours(connection, names.database, MIGRATIONS)
    drop_leaked_staging(connection)


def _move_history(connection: SnowflakeConnection, database: str) -> None:
    """Out of MONITORING, where earlier releases kept it: the flows' role writes there. A kill in between harms nothing."""
    earlier = f"{database}.MONITORING.CHANGE_HISTORY"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {database}.{MIGRATIONS_SCHEMA}")
        is_there = cursor.execute(
            f"SELECT 1 FROM {database}.INFORMATION_SCHEMA.TABLES"
            " WHERE table_schema = 'MONITORING' AND table_name = 'CHANGE_HISTORY'"
        ).fetchall()
        if is_there:
            cursor.execute(
                f"CREATE TABLE IF NOT EXISTS {database}.{MIGRATIONS_SCHEMA}.CHANGE_HISTORY AS SELECT * FROM {earlier}"
            )
            cursor.execute(f"DROP TABLE {earlier}")


def migrate_account(connection: SnowflakeConnection, names: AccountNames, given: Given) -> None:
    """Make what warehouse/account declares for one database: objects, then ownership, grants and masks.

    The session is an administrator's, as ACCOUNTADMIN. Its history is in a schema that the deployer does not reach.
    """
    _refuse_earlier_names(connection, names)
    refuse_before_account(connection, names.database, MIGRATIONS)
    ensure(connection, account_objects(names, given))
    with connection.cursor() as cursor:
        cursor.execute(f"USE WAREHOUSE {names.load_warehouse}")
    _deploy(connection, names, ACCOUNT, ADMIN_SCHEMA, marts=tables_of(connection, f"{names.database}.MARTS"))


def _refuse_earlier_names(connection: SnowflakeConnection, names: AccountNames) -> None:
    """A role that was renamed keeps its members only if a person renames it before the new one is made."""
    earlier = f"{names.database}_MARTS_READER"
    if found(connection, role(earlier, "")):
        raise ObjectsDiffer(
            f"role {earlier} is an earlier release's. ALTER ROLE {earlier} RENAME TO {names.reader}; then run this again."
        )


def _deploy(
    connection: SnowflakeConnection,
    names: AccountNames,
    folder: Path,
    history_schema: str,
    **known: list[str],
) -> None:
    history = ChangeHistoryTable.from_str(f"{names.database}.{history_schema}.CHANGE_HISTORY")
    session = _OpenSession(connection, history)
    config = DeployConfig.factory(
        config_file_path=folder,
        root_folder=folder,
        config_vars={"database": names.database, **known},
        change_history_table=history.fully_qualified,
        raise_exception_on_ignored_versioned_script=True,
    )
    with connection.cursor() as cursor:
        cursor.execute(f"USE SCHEMA {names.database}.{history_schema}")
    session.create_change_history_table(dry_run=False)
    refuse_changed(session, config)
    try:
        deploy(config, session)
    except ScriptExecutionError as error:
        raise MigrationRefused(f"{error.script_name}: {error.error_message}") from error
    except ValueError as error:  # a file that is numbered below one that was applied
        raise MigrationRefused(str(error)) from error


def refuse_changed(session: SnowflakeSession, config: DeployConfig) -> None:
    applied, _ = session.fetch_versioned_scripts()
    for name, checksum in _versioned_checksums(config):
        recorded = applied.get(name, {}).get("checksum")
        if recorded is not None and recorded != checksum:
            raise MigrationRefused(
                f"{name} was changed after it was applied to {session.database}. Restore it and write a new migration."
            )


def _versioned_checksums(config: DeployConfig) -> Iterator[tuple[str, str]]:
    jinja = JinjaTemplateProcessor(project_root=config.root_folder, modules_folder=None)
    for script in get_all_scripts_recursively(root_directory=config.root_folder).values():
        if isinstance(script, VersionedScript):
            text = jinja.render(jinja.relpath(script.file_path), config.config_vars)
            yield script.name, hashlib.sha224(text.encode()).hexdigest()
