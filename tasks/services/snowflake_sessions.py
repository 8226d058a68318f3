"""The Snowflake sessions of a run: logged in once, and lent to one step after another."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tasks.services.snowflake import connected, query_tag, tag_statements

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection


class Sessions:
    """Steps that run side by side get a session each."""

    def __init__(self, flow: str, run_id: str) -> None:
        self._flow, self._run_id = flow, run_id
        self._idle: list[SnowflakeConnection] = []
        self._lock = threading.Lock()
        self._is_closed = False

    @contextmanager
    def lend(self, step: str) -> Iterator[SnowflakeConnection]:
        """A session whose statements say in QUERY_TAG what the step is.

        After a failure it is closed, which rolls back what was not committed: nobody gets a session in an unknown state.
        """
        tag = query_tag(self._flow, self._run_id, step)
        connection = self._take() or connected(tag)
        tag_statements(connection, tag)
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        self._give_back(connection)

    def close(self) -> None:
        """A step that is still at work closes its session itself."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> SnowflakeConnection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _give_back(self, connection: SnowflakeConnection) -> None:
        with self._lock:
            if not self._is_closed:
                self._idle.append(connection)
                return
        connection.close()
