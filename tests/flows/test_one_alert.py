"""One death, one alert: whoever notices it, in whatever order, and however often."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import ObjectNotFound
from prefect.states import AwaitingRetry, Crashed, Late, Pending, Running

from flows import crash_recovery, late_run
from tasks.leases import lease, rows, run_lease
from tasks.runs import endings
from tasks.runs import run as surroundings
from tasks.runs.run import Run, guarded
from tests.tasks.conftest import DAY

RUN = uuid4()
DIED = Crashed(message="exit code -9.")
LEASE = 60.0


class World:
    """Prefect's answers about one deployed run, the clock, and what people were told."""

    def __init__(self, *history: State[Any]) -> None:
        self.alerts: list[tuple[str, str]] = []
        self.history = list(history)
        self.others: list[FlowRun] = []
        self.deployment = uuid4()
        self.later = 0.0

    def read_flow_run(self, run_id: UUID) -> FlowRun:
        if run_id != RUN:
            raise ObjectNotFound(http_exc=RuntimeError())
        return FlowRun(
            id=RUN,
            flow_id=uuid4(),
            name=f"cpg-daily {DAY}",
            state=self.history[-1],
            deployment_id=self.deployment,
            next_scheduled_start_time=datetime(2025, 1, 6, 20, 30, tzinfo=UTC),
            work_queue_name="cpg-daily",
            work_pool_name="highwater-ecs",
        )

    def read_flow_runs(self, flow_run_filter: FlowRunFilter, limit: int) -> list[FlowRun]:
        """As the server filters: the runs of one deployment that hold its place."""
        assert flow_run_filter.state
        assert flow_run_filter.state.type
        assert flow_run_filter.deployment_id
        assert flow_run_filter.deployment_id.any_ == [self.deployment]
        wanted = flow_run_filter.state.type.any_ or []
        return [run for run in self.others if run.state and run.state.type in wanted][:limit]

    def read_flow_run_states(self, _: UUID) -> list[State[Any]]:
        return self.history

    def read_flow(self, _: UUID) -> SimpleNamespace:
        return SimpleNamespace(name="cpg-daily")

    def set_flow_run_state(self, _: UUID, state: State[Any]) -> None:
        self.history.append(state)


@pytest.fixture
def world(account: None, monkeypatch: pytest.MonkeyPatch) -> World:
    there = World(Pending(), Running())

    @contextmanager
    def client(sync_client: bool) -> Iterator[World]:
        yield there

    for module in (crash_recovery, late_run):
        monkeypatch.setattr(module, "get_client", client)
    monkeypatch.setattr(
        surroundings.alerts, "send", lambda severity, text, _: there.alerts.append((severity, text))
    )
    monkeypatch.setattr(rows, "now", lambda: time.time() + there.later)
    monkeypatch.setattr(surroundings, "_record_end", lambda *_: None)
    monkeypatch.setattr(surroundings, "record", lambda *_, **__: None)
    return there


def killed_while_it_ran(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row is there, nobody renews it, and its lease has expired."""
    with monkeypatch.context() as there:
        there.setattr(lease, "_PROCESS", uuid4().hex[:12])
        assert run_lease.claim(str(RUN), f"cpg-daily {DAY}", str(RUN))
        # What it ran within itself dies with it.
        assert run_lease.claim("part", f"demand-forecast {DAY}", str(RUN))
    world.later += LEASE + 1


def hook(world: World) -> None:
    flow: Any = SimpleNamespace(name="cpg-daily")
    endings.stop_external_jobs(flow, world.read_flow_run(RUN), DIED)


def recovery(world: World) -> None:
    if not world.history[-1].is_crashed() and world.history[-1].name != "AwaitingRetry":
        world.history.append(DIED)
    crash_recovery.crash_recovery.fn(RUN)


def next_run(_: World) -> None:
    with guarded(Run("cpg-daily", DAY + timedelta(days=1), DAY + timedelta(days=1), run_id=str(uuid4()))):
        pass


@pytest.mark.parametrize("order", list(itertools.permutations([hook, recovery, next_run])))
def test_a_killed_run_is_told_once_by_whoever_is_first(
    world: World, monkeypatch: pytest.MonkeyPatch, order: tuple[Callable[[World], None], ...]
) -> None:
    killed_while_it_ran(world, monkeypatch)
    for who in order * 2:
        who(world)
    assert len(world.alerts) == 1, world.alerts
    assert world.history[-1].name == "AwaitingRetry"  # taken up, whoever told


def test_the_hook_leaves_a_deployed_run_and_its_jobs_to_the_recovery(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_while_it_ran(world, monkeypatch)
    hook(world)
    assert world.alerts == []
    assert run_lease.unfinished(str(RUN))


def test_each_death_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        killed_while_it_ran(world, monkeypatch)
        recovery(world)
        next_run(world)
        world.history += [Pending(), Running()]
    killed_while_it_ran(world, monkeypatch)
    recovery(world)
    next_run(world)
    assert [severity for severity, _ in world.alerts] == ["WARNING", "WARNING", "CRITICAL"]
    assert run_lease.unfinished(str(RUN)) is None  # nobody takes it up any more


def test_a_run_that_said_itself_that_it_was_terminated_is_taken_up_in_silence(world: World) -> None:
    """ECS stops a task: the process has two minutes to say so, and Prefect reports a crash afterwards."""
    with pytest.raises(KeyboardInterrupt), guarded(Run("cpg-daily", DAY, DAY, run_id=str(RUN))):
        raise KeyboardInterrupt
    recovery(world)
    assert [severity for severity, _ in world.alerts] == ["WARNING"]
    assert world.history[-1].name == "AwaitingRetry"


def test_a_death_before_the_run_began_is_told_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    killed_while_it_ran(world, monkeypatch)
    recovery(world)
    world.history += [Pending(), DIED]  # of the image, say
    recovery(world)
    assert [severity for severity, _ in world.alerts] == ["WARNING", "WARNING"]


def test_a_recovery_that_never_came_leaves_the_run_on_record(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_while_it_ran(world, monkeypatch)
    recovery(world)
    world.later += 2 * 3600
    next_run(world)
    assert len(world.alerts) == 1
    assert not list(run_lease.expired())


@pytest.mark.parametrize("state", [Late(), AwaitingRetry()])
def test_a_run_that_does_not_start_is_told_once(world: World, state: State[Any]) -> None:
    world.history.append(state)
    for _ in range(2):
        late_run.late_run.fn(RUN)
    ((severity, message),) = world.alerts
    assert severity == "HIGH"
    assert message.startswith(
        f"cpg-daily {DAY} should have started at 2025-01-06 20:30 UTC and has not ({state.name}): "
        "no worker picked it up from queue cpg-daily of pool highwater-ecs."
    )


def test_a_run_that_waits_for_another_is_told_with_the_one_that_it_waits_for(world: World) -> None:
    """Which may have died unnoticed: it holds the place of its deployment until somebody cancels it."""
    world.history.append(Late())
    since = datetime(2025, 1, 6, 12, 30, tzinfo=UTC)
    ahead, ended = (
        FlowRun(id=uuid4(), flow_id=uuid4(), name=name, state=state(timestamp=since))
        for name, state in (("cpg-daily 2025-01-05", Running), ("cpg-daily 2025-01-04", Crashed))
    )
    world.others = [ended, ahead]
    late_run.late_run.fn(RUN)
    assert world.alerts == [
        (
            "WARNING",
            f"cpg-daily {DAY} should have started at 2025-01-06 20:30 UTC and has not (Late): it waits for cpg-daily "
            "2025-01-05, Running since 2025-01-06 12:30 UTC. If the process of that run is dead, cancel the run: prefect "
            f"flow-run cancel {ahead.id}. docs/operate.md: a run that does not start.",
        )
    ]


@pytest.mark.parametrize("state", [Running(), Pending(), DIED])
def test_of_a_run_that_was_taken_there_is_nothing_to_tell(world: World, state: State[Any]) -> None:
    world.history.append(state)
    assert late_run.late_run.fn(RUN) == "it has started"
    assert late_run.late_run.fn(uuid4()) == "it was deleted"
    assert world.alerts == []
