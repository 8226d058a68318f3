"""The worker's health with prefect-aws's own observer, reading a queue of the local AWS."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import boto3
import pytest
from prefect.settings import PREFECT_WORKER_WEBSERVER_PORT, temporary_settings
from prefect.workers.base import BaseWorker
from prefect.workers.server import _run_healthcheck_server
from prefect_aws.observers import ecs as observers
from prefect_aws.workers.ecs_worker import ECSWorker

from deployments.health import is_healthy
from deployments.names import WORK_POOL
from deployments.worker import Worker
from local.aws.server import REGION, LocalAws

QUEUE = "highwater-ecs-events"
RESTARTS = 5


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    server = LocalAws(port=0, state=tmp_path_factory.mktemp("aws"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def sqs(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in {
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": REGION,
        "NO_PROXY": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    # Half a minute and more, doubled each time; how often is not changed.
    monkeypatch.setattr(observers, "OBSERVER_RESTART_BASE_DELAY", 0)
    assert observers.OBSERVER_MAX_RESTART_ATTEMPTS == RESTARTS
    monkeypatch.setattr(observers.ecs_observer.sqs_subscriber, "queue_name", QUEUE)
    return boto3.client("sqs")


@asynccontextmanager
async def observing(worker: ECSWorker) -> AsyncIterator[Callable[[], Any]]:
    """As the worker's process has it: the observer beside the worker, and the server that is asked for its health."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    await observers.start_observer()
    try:
        with (
            temporary_settings({PREFECT_WORKER_WEBSERVER_PORT: port}),
            _run_healthcheck_server(lambda: worker.is_worker_still_polling(query_interval_seconds=10)),
        ):
            yield lambda: asyncio.to_thread(is_healthy, port)
    finally:
        with suppress(json.JSONDecodeError):  # it hands on what its task died of
            await observers.stop_observer()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.05)


def test_it_is_what_prefect_starts_for_the_type_ecs() -> None:
    assert BaseWorker.get_worker_class_from_type("ecs") is Worker


def test_a_worker_whose_observer_gave_up_is_unhealthy(sqs: Any) -> None:
    url = sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
    worker = Worker(work_pool_name=WORK_POOL)

    async def fail_again_and_again() -> None:
        async with observing(worker) as health:
            for failure in range(RESTARTS):
                # No JSON: prefect-aws fails outside of what it catches.
                sqs.send_message(QueueUrl=url, MessageBody="{")
                await until(lambda failed=failure: observers._observer_restart_count == failed + 1)  # type: ignore[misc]
            await until(lambda: observers._observer_restart_task is None)
            assert await health()  # it reads again
            sqs.send_message(QueueUrl=url, MessageBody="{")
            await until(lambda: observers._observer_restart_count == RESTARTS + 1)
            assert not await health()
            # Prefect's own worker would be healthy: it polls.
            assert ECSWorker.is_worker_still_polling(worker, 10)

    asyncio.run(fail_again_and_again())


def test_a_worker_without_its_queue_is_unhealthy(sqs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """prefect-aws says so once in the log, and does not look again."""
    monkeypatch.setattr(observers.ecs_observer.sqs_subscriber, "queue_name", "absent")

    async def look_once() -> None:
        async with observing(Worker(work_pool_name=WORK_POOL)) as health:
            observer = observers._observer_task
            assert observer is not None
            await until(observer.done)
            assert observers._observer_restart_count == 0
            assert not await health()

    asyncio.run(look_once())
