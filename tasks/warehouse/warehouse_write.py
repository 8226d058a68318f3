"""A transaction that changes the warehouse: whole or not at all, one at a time, and never after its turn is over."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

from tasks.errors import HighwaterError, Outrun, SystemFault, TransientError
from tasks.events import log
from tasks.services.snowflake import execute
from warehouse import write_lock

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection


@contextmanager
def writing(connection: SnowflakeConnection, who: str) -> Iterator[None]:
    """What is executed inside is committed at its end, if the write lock was held all the time; else nothing of it.

    Autocommit is off meanwhile: were it on, a statement that is sent after Snowflake had rolled the transaction back
    would take effect by itself.
    """
    holder = f"{who} {uuid4().hex}"
    execute(connection, write_lock.HOLD_BACK)
    try:
        execute(connection, write_lock.BEGIN)
        _take(connection, holder)
        yield
        if execute(connection, write_lock.is_held(holder)) != (1,):
            raise TransientError(
                f"{who} was paused for so long that Snowflake rolled its transaction back, for another run to have its "
                "turn. Nothing of it was changed in the warehouse; run it again."
            )
        execute(connection, write_lock.COMMIT)
    except BaseException as error:
        _roll_back(connection, who, error)
        raise
    execute(connection, write_lock.LET_GO)


def _take(connection: SnowflakeConnection, holder: str) -> None:
    rows = execute(connection, write_lock.take(holder))[0]
    if rows != 1:
        raise SystemFault(
            f"the warehouse's write lock, MONITORING.WRITE_LOCK, has {rows} rows and must have one: empty the table and "
            "add ('nobody', CURRENT_TIMESTAMP()). Nothing was changed."
        )


def _roll_back(connection: SnowflakeConnection, who: str, reason: BaseException) -> None:
    """Where this fails too, the end of the session does it: only who was outrun goes on in the same one."""
    try:
        execute(connection, write_lock.ROLL_BACK)
        execute(connection, write_lock.LET_GO)
    except HighwaterError as error:
        if isinstance(reason, Outrun):
            raise
        log("not rolled back, the session's end will do it", level=logging.WARNING, who=who, error=error)
