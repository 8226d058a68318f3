"""Requests of one session: one at a time, each executed once; and a session that ends keeps nobody waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import fakesnow.server
import pytest
from snowflake.connector import SnowflakeConnection

from local.snowflake.cursor import Statement
from local.snowflake.session import Session

pytestmark = pytest.mark.e2e  # a server of its own, and clients that wait for each other

Sql = Callable[[str], list[tuple[object, ...]]]
Connect = Callable[..., SnowflakeConnection]


@pytest.fixture(autouse=True)
def shared(sql: Sql) -> None:
    sql("CREATE OR REPLACE TABLE shared (id INT)")


def of_server(connection: SnowflakeConnection) -> Session:
    assert connection.rest is not None
    session = fakesnow.server.sessions[connection.rest.token]
    assert isinstance(session, Session)
    return session


def test_a_statement_that_the_connector_sends_again_is_executed_once(connect: Connect, sql: Sql) -> None:
    """It waits for its turn for longer than the connector waits for an answer."""
    holder, impatient = connect(), connect(socket_timeout=1)
    holder.cursor().execute("BEGIN")
    holder.cursor().execute("INSERT INTO shared VALUES (1)")
    with ThreadPoolExecutor(1) as pool:
        inserted = pool.submit(lambda: impatient.cursor().execute("INSERT INTO shared VALUES (2)").fetchall())
        time.sleep(4)
        assert not inserted.done()
        holder.cursor().execute("COMMIT")
        assert inserted.result(30) == [(1,)]
    impatient.cursor().execute("INSERT INTO shared VALUES (3)")
    assert sql("SELECT id FROM shared ORDER BY id") == [(1,), (2,), (3,)]


def test_a_session_runs_one_statement_at_a_time(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    real, met = Statement._perform, []
    together = threading.Barrier(2, timeout=1)

    def perform(self: Statement, command: str, *given: Any, **named: Any) -> None:
        if "1 + 1" in command:
            with suppress(threading.BrokenBarrierError):
                together.wait()
                met.append(command)
        real(self, command, *given, **named)

    monkeypatch.setattr(Statement, "_perform", perform)
    with connect() as connection, ThreadPoolExecutor(2) as pool:
        cursors = [connection.cursor() for _ in range(2)]
        sent = [pool.submit(cursor.execute, "SELECT 1 + 1") for cursor in cursors]
        assert [each.result(20).fetchall() for each in sent] == [[(2,)], [(2,)]]
    assert met == []
    assert together.broken  # each came there, alone


@pytest.mark.parametrize("waits", ["CREATE TABLE late (id INT)", "INSERT INTO shared VALUES (2)"])
def test_a_session_that_ended_while_it_waited_for_its_turn_gives_it_back(
    connect: Connect, sql: Sql, waits: str
) -> None:
    holder, left = connect(), connect()
    holder.cursor().execute("BEGIN")
    holder.cursor().execute("INSERT INTO shared VALUES (1)")
    session = of_server(left)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(session.cursor().execute, waits)
        time.sleep(0.5)
        assert not waiting.done()
        session.abandon()
        holder.cursor().execute("COMMIT")
        assert waiting.exception(5) is not None
    began = time.monotonic()
    sql("INSERT INTO shared VALUES (3)")
    assert time.monotonic() - began < 5
    assert sql("SELECT id FROM shared ORDER BY id") == [(1,), (3,)]


def test_a_session_that_cannot_roll_back_gives_its_turn_back(connect: Connect, sql: Sql) -> None:
    left = connect()
    left.cursor().execute("BEGIN")
    left.cursor().execute("INSERT INTO shared VALUES (1)")
    session = of_server(left)
    session._duck_conn.close()
    session.abandon()
    sql("INSERT INTO shared VALUES (3)")
    assert sql("SELECT id FROM shared") == [(3,)]
