"""One local cloud for all e2e tests, on ports and in a directory of its own; emptied before each test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_DEFAULT_RESULT_STORAGE_BLOCK,
    PREFECT_HOME,
    PREFECT_LOGGING_TO_API_ENABLED,
    temporary_settings,
)

from local.cloud import Cloud, down, up
from local.settings import LocalSettings
from tasks.lake import lake_tables
from tasks.runs import alerts
from tasks.settings import settings
from tests.e2e.world import World
from tests.schedules import pause_schedules
from tests.tasks.conftest import CLIENTS


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    first = int(os.environ.get("HIGHWATER_E2E_PORTS", "4650"))  # of four, so that two suites can run at once
    chosen = LocalSettings(
        prefect_port=first,
        aws_port=first + 1,
        snowflake_port=first + 2,
        listener_port=first + 3,
        inbox_listener=False,  # its runs would work beside those that tests start: who wants it starts listener_of
        state=tmp_path_factory.mktemp("cloud"),
    )
    before = dict(os.environ)
    os.environ["HIGHWATER_LEASE_SECONDS"] = "4"  # a killed run's job is up for taking after so long
    running = up(chosen)
    os.environ.update(running.environment)
    for cached in (*CLIENTS, lake_tables.catalog, settings, alerts._topic_arn):
        cached.cache_clear()
    try:
        with temporary_settings(
            {
                PREFECT_API_URL: running.environment["PREFECT_API_URL"],
                PREFECT_LOGGING_TO_API_ENABLED: False,  # nobody reads it, and it would outlive the server
                PREFECT_HOME: Path(running.environment["PREFECT_HOME"]),
                PREFECT_DEFAULT_RESULT_STORAGE_BLOCK: running.environment[
                    "PREFECT_DEFAULT_RESULT_STORAGE_BLOCK"
                ],
            }
        ):
            pause_schedules()
            yield running
    finally:
        down(chosen)
        os.environ.clear()
        os.environ.update(before)
        for cached in (*CLIENTS, lake_tables.catalog, settings, alerts._topic_arn):
            cached.cache_clear()


@pytest.fixture(scope="session")
def one_world(cloud: Cloud) -> Iterator[World]:
    world = World(cloud)
    yield world
    world.close()


@pytest.fixture
def world(one_world: World) -> World:
    one_world.empty()
    return one_world
