"""Transactions that change the warehouse: atomic, one at a time, and committed only while holding the write lock."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

from tasks.errors import HighwaterError, StaleResult, SystemFault, TransientError
from tasks.events import log
from tasks.services.snowflake import execute
from warehouse import write_lock

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection


@contextmanager
def writing(connection: SnowflakeConnection, who: str, lock: str = write_lock.CPG) -> Iterator[None]:
    """Run the block in one transaction. Commits if the write lock was held throughout, otherwise rolls back.

    Autocommit is off meanwhile. Otherwise, if Snowflake had rolled the transaction back, later statements would commit on
    their own.
    """
    holder = f"{who} {uuid4().hex}"
    execute(connection, write_lock.AUTOCOMMIT_OFF)
    try:
        execute(connection, write_lock.BEGIN)
        _take(connection, holder, lock)
        yield
        if execute(connection, write_lock.is_held(holder, lock)) != (1,):
            raise TransientError(
                f"{who} was paused for so long that Snowflake rolled its transaction back, because another run was waiting "
                "for the write lock. Nothing was changed in the warehouse; run it again."
            )
        execute(connection, write_lock.COMMIT)
    except BaseException as error:
        _roll_back(connection, who, error)
        raise
    execute(connection, write_lock.AUTOCOMMIT_ON)


def _take(connection: SnowflakeConnection, holder: str, lock: str) -> None:
    rows = execute(connection, write_lock.take(holder, lock))[0]
    if rows != 1:
        raise SystemFault(
            f"the warehouse's write lock, {lock}, has {rows} rows and must have one: empty the table and "
            "add ('nobody', CURRENT_TIMESTAMP()). Nothing was changed."
        )


def _roll_back(connection: SnowflakeConnection, who: str, reason: BaseException) -> None:
    """Roll back. If that fails too, closing the session does it, so only StaleResult, after which the session is used again,
    needs this error raised."""
    try:
        execute(connection, write_lock.ROLL_BACK)
        execute(connection, write_lock.AUTOCOMMIT_ON)
    except HighwaterError as error:
        if isinstance(reason, StaleResult):
            raise
        log(
            "rollback failed, closing the session will roll back", level=logging.WARNING, who=who, error=error
        )
