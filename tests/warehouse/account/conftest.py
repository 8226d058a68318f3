from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from snowflake.connector import ProgrammingError, SnowflakeConnection

from tests.snowflake_server import connected, snowflake_server
from tests.warehouse.standin import set_up


@dataclass
class Account:
    """An account of its own, whose administrator is the first session."""

    port: int
    administrator: SnowflakeConnection

    def rows(self, sql: str, session: SnowflakeConnection | None = None) -> list[tuple[Any, ...]]:
        with (session or self.administrator).cursor() as cursor:
            return [tuple(row) for row in cursor.execute(sql).fetchall()]  # type: ignore[union-attr]

    def run(self, *statements: str) -> None:
        for statement in statements:
            self.rows(statement)

    def login(self, user: str, database: str | None = None) -> SnowflakeConnection:
        return connected(self.port, user=user, database=database)

    def refusal(self, sql: str, session: SnowflakeConnection) -> str:
        """What Snowflake says to a statement that it refuses; empty if it does not."""
        try:
            self.rows(sql, session)
        except ProgrammingError as error:
            return str(error.msg)
        return ""


def opened(folder: Path) -> Iterator[Account]:
    with snowflake_server(folder, "http://127.0.0.1:9") as port:
        administrator = connected(port)
        yield Account(port, administrator)
        administrator.close()


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    yield from opened(tmp_path)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """With one environment in it."""
    for account in opened(tmp_path_factory.mktemp("ready")):
        set_up(account.port, account.administrator)
        yield account
