"""Sessions that are held, cut off or killed between two of their statements, without the code under test knowing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import OperationalError

Run = Callable[[str], Any]
_SECONDS = 60.0


class Killed(BaseException):
    """The process is gone: nothing that it would have done next is done."""


def around_statements(
    connection: SnowflakeConnection, around: Callable[[str, Callable[[], Any]], Any]
) -> None:
    """From now on `around` is called with the text of each statement and what sends it."""
    real = connection.cursor

    def cursor(*args: Any) -> Any:
        made = real(*args)
        send = made.execute

        def execute(sql: str, *given: Any, **named: Any) -> Any:
            return around(sql, lambda: send(sql, *given, **named))

        made.execute = execute  # type: ignore[method-assign]
        return made

    connection.cursor = cursor  # type: ignore[method-assign,assignment]


def kill_after(connection: SnowflakeConnection, statements: int) -> None:
    sent = 0

    def around(_: str, send: Callable[[], Any]) -> Any:
        nonlocal sent
        if sent == statements:
            raise Killed
        sent += 1
        return send()

    around_statements(connection, around)


def kill_at(connection: SnowflakeConnection, text: str, occurrence: int = 1) -> None:
    """Instead of the statement that is so many-th of those with `text` in them."""
    left = occurrence

    def around(sql: str, send: Callable[[], Any]) -> Any:
        nonlocal left
        left -= text in sql
        if not left:
            raise Killed
        return send()

    around_statements(connection, around)


def send_twice(connection: SnowflakeConnection, beginning: str) -> None:
    """The first statement that begins so, as a connector does that got no answer to its first try."""
    is_done = False

    def around(sql: str, send: Callable[[], Any]) -> Any:
        nonlocal is_done
        if sql.startswith(beginning) and not is_done:
            is_done = True
            send()
        return send()

    around_statements(connection, around)


def lose_the_answer(connection: SnowflakeConnection, beginning: str) -> None:
    """The statement is executed; its answer and every later statement of the session find no network."""
    is_lost = False

    def around(sql: str, send: Callable[[], Any]) -> Any:
        nonlocal is_lost
        if not is_lost:
            answer = send()
            if not sql.startswith(beginning):
                return answer
            is_lost = True
        raise OperationalError(msg="the connection was reset", errno=250003)

    around_statements(connection, around)


class Held:
    """Something that runs in a thread of its own and stops before its first statement with `text` in it."""

    def __init__(self, connection: SnowflakeConnection, text: str, run: Callable[[], Any]) -> None:
        self._is_there = threading.Event()
        self._may_go_on = threading.Event()

        def around(sql: str, send: Callable[[], Any]) -> Any:
            if text in sql and not self._is_there.is_set():
                self._is_there.set()
                assert self._may_go_on.wait(_SECONDS), "never let go"
            return send()

        around_statements(connection, around)
        self.outcome = in_background(run)
        self.outcome.add_done_callback(lambda _: self._is_there.set())
        assert self._is_there.wait(_SECONDS), f"never came to {text!r}"
        if self.outcome.done():
            raise AssertionError(f"never came to {text!r}") from self.outcome.exception()

    def let_go(self) -> Any:
        """What it returns in the end, or raises."""
        self._may_go_on.set()
        return self.outcome.result(_SECONDS)


def in_background(run: Callable[[], Any]) -> Future[Any]:
    pool = ThreadPoolExecutor(1)
    outcome = pool.submit(run)
    pool.shutdown(wait=False)
    return outcome


def is_waiting(outcome: Future[Any], seconds: float = 1.5) -> bool:
    """Nothing came of it in this time."""
    try:
        outcome.exception(seconds)
    except TimeoutError:
        return True
    return False
