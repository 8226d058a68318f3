"""A run's pool of Snowflake sessions, reused from step to step."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tasks.services.snowflake import connected, query_tag, tag_statements

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection


class Sessions:
    """A session pool: steps that run at the same time get separate sessions."""

    def __init__(self, flow: str, run_id: str) -> None:
        self._flow, self._run_id = flow, run_id
        self._idle: list[SnowflakeConnection] = []
        self._lock = threading.Lock()
        self._is_closed = False

    @contextmanager
    def lend(self, step: str) -> Iterator[SnowflakeConnection]:
        """Lend a session whose statements carry the step in QUERY_TAG.

        After a failure the session is closed, which rolls back uncommitted work, so that no step gets a session in an
        unknown state.
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
        """Close the idle sessions. A session that is still lent out is closed when it is returned."""
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
