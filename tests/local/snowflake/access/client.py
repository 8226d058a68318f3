"""A session without a server, as a function that runs a statement."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from snowflake.connector.errors import ProgrammingError

from local.snowflake.account import Account
from local.snowflake.forms import form_of
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
