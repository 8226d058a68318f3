"""An account without a server: sessions of users and roles, each a function that runs a statement."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from snowflake.connector.errors import ProgrammingError

from local.snowflake.account import Account
from local.snowflake.forms import form_of
from local.snowflake.server import open_account
from local.snowflake.translations import parsed

Rows = list[tuple[object, ...]]


class Client:
    """A session, as a user or as anybody in a role."""

    def __init__(self, account: Account, user: str = "ANYBODY", role: str | None = None) -> None:
        self._account = account
        self._session = account.connect("SALES", "RAW")
        self._session.log_in(account.access.standing(user, role, None))

    def __call__(self, statement: str) -> Rows:
        cursor = self._session.cursor()
        cursor.execute(statement)
        return [tuple(row) for row in cursor.fetchall()]

    def all(self, statements: str) -> None:
        for statement in statements.split(";"):
            if statement.strip():
                self(statement)

    def row(self, statement: str) -> dict[str, object]:
        """The only row, by the names of its columns."""
        cursor = self._session.cursor()
        cursor.execute(statement)
        names = [column.name for column in cursor.description]
        (row,) = cursor.fetchall()
        return dict(zip(names, row, strict=True))

    def refusal(self, statement: str) -> int | None:
        """The number of the error with which the statement is refused before it runs. None if it may run."""
        try:
            self._session.gate.pass_(form_of(statement).text, parsed(statement))
        except ProgrammingError as refused:
            return int(refused.errno)
        return None

    def error(self, statement: str) -> tuple[int, str]:
        with pytest.raises(ProgrammingError) as failure:
            self(statement)
        return int(failure.value.errno), str(failure.value.raw_msg)


As = Callable[..., Client]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("databases")


@pytest.fixture(scope="module")
def account(directory: Path) -> Iterator[Account]:
    account = open_account(directory, "http://127.0.0.1:9")
    creator = account.connect().cursor()
    for statement in (
        "CREATE DATABASE SALES",
        "CREATE SCHEMA SALES.RAW",
        "CREATE SCHEMA SALES.DW",
        "CREATE TABLE SALES.RAW.FILES (a INT, name VARCHAR)",
        "CREATE TABLE SALES.DW.FACTS (a INT, name VARCHAR)",
        "INSERT INTO SALES.RAW.FILES VALUES (1, 'Anna')",
    ):
        creator.execute(statement)
    yield account
    account.duck_conn.close()


@pytest.fixture(scope="module")
def as_(account: Account) -> As:
    return lambda user="ANYBODY", role=None: Client(account, user, role)


@pytest.fixture(scope="module")
def admin(as_: As) -> Client:
    return as_()
