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
from prefect.states import Cancelled, Completed, Crashed, Failed, Pending, Running

from deployments import __main__ as command
from deployments.names import WORK_POOL
from deployments.settings import Place
from deployments.work_pool import QUEUES, RUNS_A_QUEUE, RUNS_AT_ONCE, UNLIMITED, register_ecs, register_queues
from local import resources
from local.cloud import worker_of
from local.settings import LocalSettings
from tests.deployments.conftest import server

PLACE = Place(subnets=["subnet-1"], security_groups=["sg-1"])
DEPLOYMENTS: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parents[2] / "prefect.yaml").read_text())[
    "deployments"
]
QUEUE_OF = {deployment["name"]: deployment["work_pool"]["work_queue_name"] for deployment in DEPLOYMENTS}


REGISTERED = {
    name: (priority, None if name == UNLIMITED else RUNS_A_QUEUE)
    for priority, name in enumerate(QUEUES, start=1)
}


async def registered(client: PrefectClient, pool: str) -> tuple[dict[str, Any], int | None]:
    queues = await client.read_work_queues(work_pool_name=pool)
    limit = (await client.read_work_pool(pool)).concurrency_limit
    return {queue.name: (queue.priority, queue.concurrency_limit) for queue in queues}, limit


async def _registrations_and_order(client: PrefectClient) -> None:
    local = resources.WORK_POOL
    await client.create_work_pool(WorkPoolCreate(name=local.name, type=local.type))
    # `prefect deploy` may have been first: it makes the queues that it needs, of any priority and without a limit.
    await client.create_work_queue(name="cpg-backfill", work_pool_name=local.name)
    for _ in range(2):
        await register_queues(client, local.name)
        await register_ecs(client, PLACE)
    assert await registered(client, local.name) == (REGISTERED, RUNS_AT_ONCE)
    assert await registered(client, WORK_POOL) == (REGISTERED, RUNS_AT_ONCE)

    waiting = ["cpg-backfill", "model-drift", "cpg-daily", "crash-recovery"]
    runs = {name: await _waiting_run(client, name) for name in waiting}
    busy = [await _waiting_run(client, f"busy-{n}", "default") for n in range(RUNS_AT_ONCE - 2)]
    for run in busy:
        await client.set_flow_run_state(run, Running(), force=True)
    known = {run: name for name, run in runs.items()}
    assert await _given(client, known) == ["crash-recovery", "cpg-daily"]
    for run in [*busy, *known]:
        await client.set_flow_run_state(run, Completed(), force=True)


async def _one_at_a_time(client: PrefectClient) -> None:
    """By what the server keeps in its database alone: the states of the runs."""
    deployment = await _deployment(client, "cpg-replay")
    first, second = [(await client.create_flow_run_from_deployment(deployment)).id for _ in range(2)]
    names = {first: "first", second: "second"}
    assert await _given(client, names) == ["first"]
    for holds in (Pending(), Running()):
        await client.set_flow_run_state(first, holds, force=True)
        assert await _given(client, names) == []
        state = (await client.read_flow_run(first)).state
        assert state is not None
        assert (
            state.state_details.deployment_concurrency_lease_id is None
        )  # nothing that a restart could lose
    for freed in (Crashed(), Completed(), Failed(), Cancelled()):
        await client.set_flow_run_state(first, freed, force=True)
        assert await _given(client, names) == ["second"]
    await client.set_flow_run_state(second, Completed(), force=True)


async def _limits_are_taken_away(client: PrefectClient) -> None:
    """Deployments of an earlier release had a limit of their own; the next `prefect deploy` names none."""
    flow = await client.create_flow_from_name("demand-forecast")
    queue = {"work_pool_name": WORK_POOL, "work_queue_name": "demand-forecast"}
    before = await client.create_deployment(flow, "demand-forecast", concurrency_limit=1, **queue)
    assert (await client.read_deployment(before)).global_concurrency_limit is not None
    after = await client.create_deployment(flow, "demand-forecast", concurrency_limit=None, **queue)
    assert after == before
    assert (await client.read_deployment(after)).global_concurrency_limit is None


async def _on_one_server(home: Path) -> None:
    async with server(home) as client:
        await _registrations_and_order(client)
        await _one_at_a_time(client)
        await _limits_are_taken_away(client)


async def _given(client: PrefectClient, known: dict[Any, str]) -> list[str]:
    answers = await client.get_scheduled_flow_runs_for_work_pool(WORK_POOL)
    return [known[answer.flow_run.id] for answer in answers if answer.flow_run.id in known]


async def _deployment(client: PrefectClient, name: str, queue: str | None = None) -> Any:
    flow = await client.create_flow_from_name(name)
    return await client.create_deployment(
        flow, name, work_pool_name=WORK_POOL, work_queue_name=queue or QUEUE_OF[name]
    )


async def _waiting_run(client: PrefectClient, name: str, queue: str | None = None) -> Any:
    return (await client.create_flow_run_from_deployment(await _deployment(client, name, queue))).id


@pytest.mark.e2e
def test_queues_give_their_places_by_priority_and_one_to_a_deployment(home: Path) -> None:
    asyncio.run(_on_one_server(home))


def test_the_day_goes_before_what_can_wait_and_a_recovery_before_all() -> None:
    assert set(QUEUE_OF) | {UNLIMITED} == set(QUEUES)
    urgent, the_day, bulk = QUEUES[:2], QUEUES[2:13], QUEUES[13:]
    assert set(urgent) == {"crash-recovery", "late-run"}
    assert the_day[0] == "cpg-daily"
    assert set(bulk) == {"model-drift", "cpg-backfill", "lake-maintenance", "lake-monitor"}


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
