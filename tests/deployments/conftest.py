"""A real Prefect server inside the test's process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prefect.client.orchestration import PrefectClient
from prefect.server.api.server import create_app
from prefect.settings import (
    PREFECT_API_DATABASE_CONNECTION_URL,
    PREFECT_HOME,
    PREFECT_SERVER_ANALYTICS_ENABLED,
    temporary_settings,
)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One database: its migrations take longer than the tests, and on a busy machine longer than the half minute that a
    server inside a process has to start."""
    made = tmp_path_factory.mktemp("prefect")
    subprocess.run(
        [sys.executable, "-m", "prefect", "server", "database", "upgrade", "-y"],
        env={**os.environ, "PREFECT_HOME": str(made), "PREFECT_API_DATABASE_CONNECTION_URL": database(made)},
        check=True,
        capture_output=True,
        timeout=300,
    )
    return made


def database(home: Path) -> str:
    return f"sqlite+aiosqlite:///{home}/prefect.db"


@asynccontextmanager
async def server(home: Path) -> AsyncIterator[PrefectClient]:
    with temporary_settings(
        {
            PREFECT_HOME: home,
            PREFECT_API_DATABASE_CONNECTION_URL: database(home),
            PREFECT_SERVER_ANALYTICS_ENABLED: False,
        }
    ):
        async with PrefectClient(create_app(ephemeral=True, ignore_cache=True)) as client:
            yield client
