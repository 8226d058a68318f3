"""A local Snowflake per test module, spoken to by the real connector over HTTP."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import fakesnow.server
import pytest
import snowflake.connector
import uvicorn
from snowflake.connector import SnowflakeConnection

from local.snowflake.server import application, open_account

Connect = Callable[..., SnowflakeConnection]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def aws_endpoint() -> str:
    """Nothing listens there; the module of COPY puts an S3 here."""
    return "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory, aws_endpoint: str) -> Iterator[int]:
    databases: Path = tmp_path_factory.mktemp("databases")
    account = open_account(databases, aws_endpoint)
    fakesnow.server.shared_fs = account
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(application(), host="127.0.0.1", port=port, log_level="warning", access_log=False)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline, "the local Snowflake did not start"
        time.sleep(0.02)
    yield port
    server.should_exit = True
    thread.join(10)
    account.duck_conn.close()


@pytest.fixture(scope="module")
def connect(port: int) -> Iterator[Connect]:
    opened: list[SnowflakeConnection] = []

    def new(**options: object) -> SnowflakeConnection:
        connection = snowflake.connector.connect(
            host="127.0.0.1",
            port=port,
            protocol="http",
            account="local",
            login_timeout=10,
            network_timeout=40,
            **{"user": "test", "password": "any", "database": "HIGHWATER", "schema": "RAW", **options},
        )
        opened.append(connection)
        return connection

    with new(database=None, schema=None) as creator:
        creator.cursor().execute("CREATE DATABASE IF NOT EXISTS HIGHWATER")
        creator.cursor().execute("CREATE SCHEMA IF NOT EXISTS HIGHWATER.RAW")
    yield new
    for connection in opened:
        connection.close()


@pytest.fixture
def sql(connect: Connect) -> Iterator[Callable[[str], list[tuple[object, ...]]]]:
    connection = connect()

    def run(statement: str) -> list[tuple[object, ...]]:
        return [tuple(row) for row in connection.cursor().execute(statement).fetchall()]

    yield run
    connection.close()
