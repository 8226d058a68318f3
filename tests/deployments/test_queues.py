"""Priorities on a real Prefect server: what is registered, here and for production, and who gets a free place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.states import Running

from deployments import __main__ as command
from deployments.settings import POOL, Place
from deployments.work_pool import QUEUES, RUNS_AT_ONCE, register_ecs, register_priorities
from local import resources
from local.cloud import worker_of
from local.settings import LocalSettings
from tests.deployments.conftest import server

PLACE = Place(subnets=["subnet-1"], security_groups=["sg-1"])
DEPLOYMENTS: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parents[2] / "prefect.yaml").read_text())[
    "deployments"
]
QUEUE_OF = {deployment["name"]: deployment["work_pool"]["work_queue_name"] for deployment in DEPLOYMENTS}


async def registered(client: PrefectClient, pool: str) -> tuple[dict[str, int | None], int | None]:
    queues = await client.read_work_queues(work_pool_name=pool)
    limit = (await client.read_work_pool(pool)).concurrency_limit
    return {queue.name: queue.priority for queue in queues}, limit


async def _registrations_and_order(home: Path) -> None:
    async with server(home) as client:
        local = resources.WORK_POOL
        await client.create_work_pool(WorkPoolCreate(name=local.name, type=local.type))
        # `prefect deploy` may have been first: it makes the queues that it needs, of any priority.
        await client.create_work_queue(name="bulk", work_pool_name=local.name)
        for _ in range(2):
            await register_priorities(client, local.name)
            await register_ecs(client, PLACE)
        assert await registered(client, local.name) == (QUEUES, RUNS_AT_ONCE)
        assert await registered(client, POOL) == (QUEUES, RUNS_AT_ONCE)

        waiting = ["cpg-backfill", "model-drift", "cpg-daily", "crash-recovery"]
        runs = {name: await _waiting_run(client, name) for name in waiting}
        busy = [await _waiting_run(client, f"busy-{n}") for n in range(RUNS_AT_ONCE - 2)]
        for run in busy:
            await client.set_flow_run_state(run, Running(), force=True)
        answers = await client.get_scheduled_flow_runs_for_work_pool(POOL)
        known = {run: name for name, run in runs.items()}
        assert [known[answer.flow_run.id] for answer in answers] == ["crash-recovery", "cpg-daily"]


async def _waiting_run(client: PrefectClient, name: str) -> Any:
    flow = await client.create_flow_from_name(name)
    deployment = await client.create_deployment(
        flow, name, work_pool_name=POOL, work_queue_name=QUEUE_OF.get(name, "default")
    )
    return (await client.create_flow_run_from_deployment(deployment)).id


@pytest.mark.e2e
def test_both_pools_have_the_queues_and_a_full_one_gives_its_places_by_priority(home: Path) -> None:
    asyncio.run(_registrations_and_order(home))


def test_the_day_goes_before_what_can_wait_and_a_recovery_before_all() -> None:
    assert QUEUE_OF == {
        "crash-recovery": "urgent",
        "cpg-daily": "default",
        "cpg-replay": "default",
        "demand-forecast": "default",
        "late-run": "urgent",
        "cpg-backfill": "bulk",
        "model-drift": "bulk",
    }
    assert QUEUES["urgent"] < QUEUES["default"] < QUEUES["bulk"]


def test_a_worker_takes_from_every_queue() -> None:
    """One that is told of queues polls those alone."""
    local = worker_of(resources.WORK_POOL, "worker", LocalSettings()).argv
    for argv in (local, command.worker_command()):
        assert "--pool" in argv
        assert not {"--work-queue", "-q"} & set(argv)


@pytest.mark.e2e
def test_a_pool_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch, home: Path, capsys: Any) -> None:
    @asynccontextmanager
    async def client() -> AsyncIterator[PrefectClient]:
        async with server(home) as opened:
            yield opened

    monkeypatch.setattr(command, "get_client", client)
    assert command._queues("nowhere") == 2
    assert "knows no work pool nowhere: its worker makes it when it starts" in capsys.readouterr().err
