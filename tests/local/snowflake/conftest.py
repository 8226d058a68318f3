"""A local Snowflake per test module, spoken to by the real connector over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from snowflake.connector import SnowflakeConnection

from tests.snowflake_server import connected, snowflake_server

Connect = Callable[..., SnowflakeConnection]


@pytest.fixture(scope="module")
def aws_endpoint() -> str:
    """Nothing listens there; the module of COPY puts an S3 here."""
    return "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory, aws_endpoint: str) -> Iterator[int]:
    with snowflake_server(tmp_path_factory.mktemp("databases"), aws_endpoint) as port:
        yield port


@pytest.fixture(scope="module")
def connect(port: int) -> Iterator[Connect]:
    opened: list[SnowflakeConnection] = []

    def new(**options: object) -> SnowflakeConnection:
        connection = connected(port, **{"database": "HIGHWATER", "schema": "RAW", **options})
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
