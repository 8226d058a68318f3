"""A crashed run is taken up a limited number of times; each ending is told once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import AwaitingRetry, Completed, Crashed, Pending, Running

from flows import crash_recovery as module
from flows.crash_recovery import crash_recovery, delay_after

KILLED = Crashed(message="killed.")
DEATH = (Pending(), Running(), KILLED)


class Server:
    """The few answers of Prefect's API that the flow asks for, and what it was told."""

    def __init__(self, *history: State[Any], deployed: bool = True) -> None:
        self.history = list(history)
        self.run = FlowRun(
            id=uuid4(),
            flow_id=uuid4(),
            name="cpg-daily 2025-01-06",
            state=history[-1],
            deployment_id=uuid4() if deployed else None,
        )
        self.alerts: list[tuple[str, str]] = []
        self.stopped: list[str] = []
        self.set: list[State[Any]] = []

    def read_flow_run(self, _: UUID) -> FlowRun:
        return self.run

    def read_flow_run_states(self, _: UUID) -> list[State[Any]]:
        return self.history

    def read_flow(self, _: UUID) -> SimpleNamespace:
        return SimpleNamespace(name="cpg-daily")

    def set_flow_run_state(self, _: UUID, state: State[Any]) -> None:
        self.set.append(state)


@pytest.fixture
def recover(account: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    def of(server: Server) -> str:
        @contextmanager
        def client(sync_client: bool) -> Iterator[Server]:
            yield server

        monkeypatch.setattr(module, "get_client", client)
        monkeypatch.setattr(
            module.alerts, "send", lambda severity, text, _: server.alerts.append((severity, text))
        )
        monkeypatch.setattr(module, "stop_owned_jobs", server.stopped.append)
        return crash_recovery.fn(server.run.id)

    return of


@pytest.mark.parametrize(("crashes", "seconds"), [(1, 60), (2, 120)])
def test_a_crashed_run_waits_and_is_taken_up(recover: Any, crashes: int, seconds: int) -> None:
    server = Server(*DEATH * crashes)

    recover(server)

    (state,) = server.set
    assert state.name == "AwaitingRetry"
    waits = state.state_details.scheduled_time - datetime.now(UTC)  # type: ignore[operator]
    assert timedelta(seconds=seconds - 5) < waits <= timedelta(seconds=seconds)
    assert server.alerts == [
        ("WARNING", f"cpg-daily 2025-01-06 crashed and will be retried in {seconds} s: killed.")
    ]
    assert server.stopped == []


@pytest.mark.parametrize(
    "server",
    [
        Server(*DEATH * 3),  # three deaths are enough
        Server(*(Pending(), KILLED) * 3),  # a broken image never starts: that ends too
        Server(Running(), KILLED, deployed=False),  # a subflow or a run by hand: no worker would take it
    ],
)
def test_a_run_that_stays_crashed_leaves_no_job_and_people_know(recover: Any, server: Server) -> None:
    recover(server)

    assert server.set == []
    assert server.stopped == [str(server.run.id)]
    ((severity, message),) = server.alerts
    assert severity == "CRITICAL"
    assert "and will not be retried: killed. Check its page" in message


@pytest.mark.parametrize("now", [AwaitingRetry(), Running(), Completed()])
def test_a_second_start_for_one_crash_does_nothing(recover: Any, now: State[Any]) -> None:
    server = Server(Running(), KILLED, now)

    assert recover(server) == "nothing to do"
    assert (server.set, server.alerts, server.stopped) == ([], [], [])


def test_a_death_that_is_reported_twice_is_one(recover: Any) -> None:
    server = Server(*DEATH, KILLED, KILLED)
    recover(server)
    assert [state.name for state in server.set] == ["AwaitingRetry"]


def test_a_run_that_is_given_up_is_told_once_and_again_only_after_another_try(recover: Any) -> None:
    server = Server(*DEATH * 3)
    for _ in range(2):
        recover(server)
    assert [severity for severity, _ in server.alerts] == ["CRITICAL"]
    server.history += DEATH  # a person retried it
    recover(server)
    assert [severity for severity, _ in server.alerts] == ["CRITICAL"] * 2


def test_the_wait_doubles() -> None:
    assert [delay_after(n, 60).total_seconds() for n in (1, 2)] == [60, 120]
