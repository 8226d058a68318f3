from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from snowflake.connector import ProgrammingError, SnowflakeConnection

from tests.snowflake_server import connected, snowflake_server
from tests.warehouse.standin import NAMES, set_up


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


def shown(account: Account, statement: str) -> list[dict[str, Any]]:
    """SHOW's rows by their columns."""
    with account.administrator.cursor() as cursor:
        rows = cursor.execute(statement).fetchall()
        columns = [column.name.lower() for column in cursor.description]
    return [dict(zip(columns, row, strict=True)) for row in rows]


def grants_of(account: Account, database: str) -> dict[str, list[str]]:
    """What each role has and who has it, now and of what will be made."""
    roles = ("DEPLOYER", "LOADER", "TRANSFORMER", "ANALYST", "READER")
    asked = ("GRANTS TO", "GRANTS OF", "FUTURE GRANTS TO")
    return {
        f"{what} {role}": sorted(map(_without_time, account.rows(f"SHOW {what} ROLE {database}_{role}")))
        for role in roles
        for what in asked
    }


def _without_time(row: tuple[object, ...]) -> str:
    return str(row[1:])


def one_role_and_no_integration(account: Account) -> None:
    for user, role in ((NAMES.worker, NAMES.transformer), (NAMES.deploy, NAMES.deployer)):
        assert [grant["role"] for grant in shown(account, f"SHOW GRANTS TO USER {user}")] == [role]
    assert "INTEGRATION" not in str(grants_of(account, NAMES.database))


def policies_of(account: Account) -> dict[str, Any]:
    """The network policies of the service users."""
    return {
        user: account.rows(f"SHOW PARAMETERS LIKE 'NETWORK_POLICY' IN USER {user}")[0][1]
        for user in (NAMES.worker, NAMES.deploy)
    }


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
