"""A real Prefect server inside the test's process."""

from __future__ import annotations

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
    """One database: its migrations take longer than the tests."""
    return tmp_path_factory.mktemp("prefect")


@asynccontextmanager
async def server(home: Path) -> AsyncIterator[PrefectClient]:
    database = f"sqlite+aiosqlite:///{home}/prefect.db"
    with temporary_settings(
        {
            PREFECT_HOME: home,
            PREFECT_API_DATABASE_CONNECTION_URL: database,
            PREFECT_SERVER_ANALYTICS_ENABLED: False,
        }
    ):
        async with PrefectClient(create_app(ephemeral=True, ignore_cache=True)) as client:
            yield client
