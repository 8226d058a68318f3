"""The local Snowflake's account: its databases, and the sessions that clients open on them."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

from fakesnow.conn import FakeSnowflakeConnection
from fakesnow.instance import FakeSnow

from local.snowflake.access.account_access import AccountAccess
from local.snowflake.access.judge import Standing
from local.snowflake.lake import LakeFileSystem
from local.snowflake.results import LargeResults
from local.snowflake.session import Session
from local.snowflake.turn import WriteTurn

RESULTS_KEPT_FOR_RESULT_SCAN = 64


class Account(FakeSnow):  # type: ignore[misc]  # fakesnow is untyped here
    """All databases of the local Snowflake. Unlike in fakesnow, connecting creates no database or schema."""

    def __init__(self, db_path: str, lake: LakeFileSystem) -> None:
        super().__init__(
            create_database_on_connect=False,
            create_schema_on_connect=False,
            db_path=db_path,
        )
        self.lake = lake
        self.duck_conn.register_filesystem(lake)
        self.results_cache = RecentResults()
        self.large_results = LargeResults(Path(db_path) / "results")
        self.turn = WriteTurn()
        self.access = AccountAccess(Path(db_path))

    def attach(self, database: str) -> None:
        """Open a database that an earlier server stored on disk."""
        FakeSnowflakeConnection(self.duck_conn.cursor(), {}, database, db_path=self.db_path).close()

    def connect(
        self,
        database: str | None = None,
        schema: str | None = None,
        **options: Any,
    ) -> Session:
        """Open a session, as the administrator. A login makes it somebody else's."""
        options.pop(
            "nop_regexes", None
        )  # a client could use it to have failing statements reported as successful
        return Session(
            self.lake,
            self.turn,
            self.large_results,
            self.access,
            Standing(user="ADMINISTRATOR"),
            self.duck_conn.cursor(),
            self.results_cache,
            database,
            schema,
            create_database=self.create_database_on_connect,
            create_schema=self.create_schema_on_connect,
            db_path=self.db_path,
            **options,
        )


class RecentResults(OrderedDict[str, tuple[Any, ...]]):
    """The latest results, for RESULT_SCAN. fakesnow keeps all results, too many for a server that runs for days."""

    def __setitem__(self, query_id: str, result: tuple[Any, ...]) -> None:
        super().__setitem__(query_id, result)
        while len(self) > RESULTS_KEPT_FOR_RESULT_SCAN:
            self.popitem(last=False)
