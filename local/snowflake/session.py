"""Sessions of the local Snowflake: transactions, one writer at a time, and clean-up after clients that are gone."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import duckdb
import psutil
from fakesnow.conn import FakeSnowflakeConnection
from snowflake.connector.cursor import DictCursor, SnowflakeCursor

from local.snowflake import unloading
from local.snowflake.access.account_access import AccountAccess
from local.snowflake.access.gate import Gate
from local.snowflake.access.judge import Standing
from local.snowflake.access.securables import Securable
from local.snowflake.cursor import Statement
from local.snowflake.lake import LakeFileSystem
from local.snowflake.requests import Requests
from local.snowflake.results import LargeResults, LargeResultsOfSession
from local.snowflake.statements import Kind
from local.snowflake.temporary import TemporaryTables
from local.snowflake.turn import WriteTurn


class Session(FakeSnowflakeConnection):  # type: ignore[misc]
    def __init__(
        self,
        lake: LakeFileSystem,
        turn: WriteTurn,
        large: LargeResults,
        access: AccountAccess,
        standing: Standing,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.gate = Gate(access, self, standing)
        self.lake = lake
        self.turn = turn
        self.all_large_results = large
        self.large_results = LargeResultsOfSession(large)
        self.temporary = TemporaryTables()
        self.requests = Requests()
        self.query_tag = ""
        self.unload_parameters = dict(unloading.PARAMETERS)
        self.last_query_id: str | None = None
        self.client: psutil.Process | None = None
        self.has_begun = False
        self.has_written = False
        self.is_spoiled = False
        self.is_abandoned = False

    def cursor(self, cursor_class: type[SnowflakeCursor] = SnowflakeCursor) -> Statement:
        return Statement(conn=self, duck_conn=self._duck_conn, use_dict_result=cursor_class == DictCursor)

    def log_in(self, standing: Standing) -> None:
        """Act as this user. A database or schema that its role may not use is not the session's."""
        self.gate.standing = standing
        judge, (database, schema) = self.gate.judge, self.gate.scope
        if database and not judge.may_use(Securable("DATABASE", (database,))):
            self.database_set = self.schema_set = False
            self.database = self._schema = None
        elif database and schema and not judge.may_use(Securable("SCHEMA", (database, schema))):
            self.schema_set = False
            self._schema = None

    @property
    def scope(self) -> tuple[object, ...]:
        """Where a statement's names are looked for."""
        return self.database, self.database_set, self.schema, self.schema_set

    @property
    def in_transaction(self) -> bool:
        return self.has_begun or self._in_transaction

    @property
    def leaves_something(self) -> bool:
        """Whether there is something to clean up if the client dies."""
        return self.in_transaction or bool(self.large_results)

    def read_committed(self) -> None:
        """Restart a transaction that has not written yet, so that it sees what others have committed since.

        After its first write this is not needed: the transaction holds the write lock, and nobody else can commit.
        """
        if self.has_begun and not self.has_written:
            self._duck_conn.rollback()
            self._duck_conn.begin()

    def note_failure(self, kind: Kind) -> None:
        """Mark the transaction as spoiled if a failed statement made it lose earlier writes.

        DuckDB aborts a transaction when a statement fails. If it had not written anything before, nothing is lost.
        """
        if self.in_transaction and self.has_written:
            self.is_spoiled |= kind is not Kind.READ or self._was_given_up()

    def _was_given_up(self) -> bool:
        try:
            self._duck_conn.execute("SELECT 1")
        except duckdb.TransactionException:
            return True
        return False

    def look_for_temporary_tables(self) -> None:
        found = self._duck_conn.execute("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall()
        self.temporary.keep(name for (name,) in found)
        self.gate.forget()

    def end_statement(self) -> None:
        if self.is_abandoned:
            # The client left while this statement ran. Nobody will end its transaction, so roll it back.
            self._undo()
        elif not self.in_transaction:
            self.has_written = self.is_spoiled = False
            self.turn.give_back(self)

    def abandon(self) -> None:
        """Roll back the transaction of a client that is gone, and close the session. Others then need not wait for it."""
        self.is_abandoned = True
        try:
            self.large_results.forget_all()
            with suppress(duckdb.Error):  # its connection is closed already
                self._duck_conn.interrupt()
        finally:
            self._undo()
            self.close()

    def _undo(self) -> None:
        try:
            if self.in_transaction:
                # There was no transaction, or it was rolled back, or the connection is closed, which does it too.
                with suppress(duckdb.Error):
                    self._duck_conn.rollback()
        finally:
            self.has_begun = False
            self.turn.give_back(self)
