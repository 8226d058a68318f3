"""The local Snowflake for tests: its server in this process, and sessions of the real connector with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fakesnow.server
import snowflake.connector
import uvicorn
from snowflake.connector import SnowflakeConnection

from local.snowflake.cursor import LOCK_TIMEOUT_SECONDS
from local.snowflake.server import application, open_account
from tests.free_port import free_port


@contextmanager
def snowflake_server(state: Path, aws_endpoint: str) -> Iterator[int]:
    """The server's port."""
    previous = fakesnow.server.shared_fs
    account = open_account(state, aws_endpoint)
    fakesnow.server.shared_fs = account
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(application(), host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline, "the local Snowflake did not start"
        time.sleep(0.02)
    yield port
    server.should_exit = True
    thread.join(timeout=10)
    account.duck_conn.close()
    fakesnow.server.shared_fs = previous


def connected(port: int, **options: Any) -> SnowflakeConnection:
    """A session with the server at this port. The options are the connector's. A statement that waits for its turn ends
    before the connector gives up waiting for its answer."""
    login = {"account": "local", "user": "test", "password": "any"}
    patience = {
        "login_timeout": 10,
        "socket_timeout": int(LOCK_TIMEOUT_SECONDS) + 10,
        "network_timeout": int(LOCK_TIMEOUT_SECONDS) + 20,
    }
    return snowflake.connector.connect(
        host="127.0.0.1", port=port, protocol="http", **{**login, **patience, **options}
    )
