"""Applies the numbered .sql files with schemachange: V files once and in order, R files whenever their text changes.

schemachange records each file with its checksum, but takes a changed V file for applied and says nothing; we refuse it.
It is used as a library over a connection that we opened: its own login would log a key given as bytes at debug level.
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
from schemachange.session.Script import VersionedScript, get_all_scripts_recursively
from schemachange.session.SnowflakeSession import SnowflakeSession

from warehouse.leftovers import drop_leaked_staging
from warehouse.names import identifier

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

FOLDER = Path(__file__).parent
MIGRATIONS = FOLDER / "migrations"
ACCOUNT = FOLDER / "account"


class MigrationRefused(Exception):
    """The recorded history and the files disagree; a person has to say which is right."""


class _OpenSession(SnowflakeSession):  # type: ignore[misc]  # schemachange has no types
    def __init__(self, connection: SnowflakeConnection, history: ChangeHistoryTable) -> None:
        self.con = connection
        self.change_history_table = history
        self.autocommit = True  # DDL commits by itself; files are written to be repeatable
        self.logger = structlog.get_logger("schemachange")
        self.account, self.user, self.role = connection.account, connection.user, connection.role
        self.warehouse, self.database, self.schema = connection.warehouse, history.database_name, None

    def __del__(self) -> None:
        """The connection is the caller's to close."""

    def reset_session(self, logger: Any) -> None:
        """Files name schema and table, so there is no session state to go back to."""

    def reset_query_tag(self, logger: Any, extra_tag: str | None = None) -> None:
        """The tag was set when the connection was opened."""


def migrate(connection: SnowflakeConnection, database: str) -> None:
    """The schemas, tables and reference rows of one database."""
    _deploy(connection, identifier(database), MIGRATIONS, "CHANGE_HISTORY")
    drop_leaked_staging(connection)


def migrate_account(connection: SnowflakeConnection, database: str) -> None:
    """Roles, virtual warehouses, the resource monitor, grants: needs ACCOUNTADMIN and a real account."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE IF NOT EXISTS {identifier(database)}")
    _deploy(connection, database, ACCOUNT, "ACCOUNT_CHANGE_HISTORY")


def _deploy(connection: SnowflakeConnection, database: str, folder: Path, history_table: str) -> None:
    history = ChangeHistoryTable.from_str(f"{database}.MONITORING.{history_table}")
    session = _OpenSession(connection, history)
    config = DeployConfig.factory(
        config_file_path=folder,
        root_folder=folder,
        config_vars={"database": database},
        change_history_table=history.fully_qualified,
        raise_exception_on_ignored_versioned_script=True,
    )
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {database}.MONITORING")
        cursor.execute(f"USE SCHEMA {database}.MONITORING")
    session.create_change_history_table(dry_run=False)
    refuse_changed(session, config)
    deploy(config, session)


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
