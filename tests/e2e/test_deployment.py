"""The deployed flow, run by the worker: parameters, the queue, cancelling, a crash."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import psutil
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import FlowRun
from prefect.events.schemas.automations import AutomationCore, EventTrigger
from prefect.states import Cancelling

from local import resources
from local.cloud import Cloud, declared_parts
from local.supervisor import Supervisor
from tasks.services import aws
from tests.e2e.deliveries import deliver, sale
from tests.e2e.world import OPEN, World

DAY = date(2025, 1, 6)


def start(day: date = DAY, name: str = "cpg-daily/cpg-daily") -> FlowRun:
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(name)
        parameters = {"run_date": day.isoformat(), "sources": ["sales"], "quality": OPEN.model_dump()}
        return client.create_flow_run_from_deployment(deployment.id, parameters=parameters)


def run_of(flow_run_id: UUID) -> FlowRun:
    with get_client(sync_client=True) as client:
        return client.read_flow_run(flow_run_id)


def until(true: Callable[[], Any], seconds: float = 180) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := true():
            return found
        time.sleep(0.5)
    raise AssertionError(f"not within {seconds} s")


def finished(flow_run: FlowRun) -> FlowRun:
    return until(lambda: (now := run_of(flow_run.id)).state.is_final() and now, 400)  # type: ignore[union-attr,no-any-return]


def job_states() -> dict[str, str]:
    runs = aws.glue().get_job_runs(JobName="highwater-curate")["JobRuns"]
    return {run["Id"]: run["JobRunState"] for run in runs}


@pytest.fixture
def one_day(world: World) -> World:
    deliver("sales", DAY, [sale("O1", DAY, 10), sale("O2", DAY, 20)])
    return world


def new_job(before: dict[str, str]) -> str | None:
    return next(
        (job for job, state in job_states().items() if job not in before and state == "RUNNING"), None
    )


def test_two_runs_at_once_are_one_after_the_other(one_day: World) -> None:
    first, second = start(), start()
    until(lambda: run_of(first.id).state.is_running() or run_of(second.id).state.is_running())  # type: ignore[union-attr]
    states = {run_of(first.id).state.name, run_of(second.id).state.name}  # type: ignore[union-attr]
    assert states & {"Scheduled", "Late", "Pending"}
    done = [finished(first), finished(second)]
    assert [run.state.is_completed() for run in done] == [True, True]  # type: ignore[union-attr]
    early, late = sorted(done, key=lambda run: run.start_time)  # type: ignore[arg-type,return-value]
    assert early.end_time <= late.start_time  # type: ignore[operator]
    assert {run.name for run in done} == {"cpg-daily 2025-01-06"}
    assert {"cpg", "daily"} <= set(done[0].tags)
    assert one_day.one("SELECT COUNT(*) FROM DW.FACT_SALES") == 2
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(
            artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[done[0].id]))
        )
    assert {artifact.key for artifact in found} >= {"data-quality", "reconciliation", "mart-headlines"}


def test_cancelling_the_run_stops_its_job(one_day: World) -> None:
    before = job_states()
    flow_run = start()
    job = until(lambda: new_job(before))
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(flow_run.id, Cancelling())
    assert until(lambda: job_states()[job] == "STOPPED" and job)
    assert finished(flow_run).state.is_cancelled()  # type: ignore[union-attr]
    assert one_day.curated("sales") == []
    again = finished(start())
    assert again.state.is_completed()  # type: ignore[union-attr]
    assert one_day.one("SELECT COUNT(*) FROM DW.FACT_SALES") == 2


def test_a_killed_run_is_crashed_and_taken_up_again(one_day: World) -> None:
    before = job_states()
    flow_run = start()
    until(lambda: new_job(before))
    for process in psutil.process_iter(["pid", "environ"]):
        if (process.info["environ"] or {}).get("PREFECT__FLOW_RUN_ID") == str(flow_run.id):
            os.kill(process.pid, signal.SIGKILL)
    done = until(lambda: (now := run_of(flow_run.id)).state.is_completed() and now, 400)  # type: ignore[union-attr]
    assert done.run_count == 2
    with get_client(sync_client=True) as client:
        names = [state.name for state in client.read_flow_run_states(flow_run.id)]
    assert names.index("Crashed") < names.index("AwaitingRetry") < names.index("Completed")
    assert one_day.one("SELECT COUNT(*) FROM DW.FACT_SALES") == 2
    assert "RUNNING" not in job_states().values()
    # The hook of the runner, the recovery and whoever comes next may notice one death: people hear of it once.
    told = [
        (alert["severity"], alert["message"]) for alert in one_day.alerts() if alert["severity"] != "INFO"
    ]
    assert [severity for severity, _ in told] == ["WARNING"], told
    assert "crashed and will be retried in" in told[0][1]


def restart_server(cloud: Cloud) -> None:
    """Killed, as by the kernel or a lost host: nothing that it keeps in memory is written down first."""
    (server,) = (part for part in declared_parts(cloud.settings) if part.name == "prefect")
    supervisor = Supervisor(cloud.settings)
    process = supervisor.process(server)
    assert process is not None
    for one in [process, *process.children(recursive=True)]:
        one.kill()
    process.wait(10)
    supervisor.start(server, threading.Event())


def renew_slot(flow_run: FlowRun) -> None:
    """What the run's process does every 225 s where a deployment has a concurrency limit; a refusal ends the run."""
    state = run_of(flow_run.id).state
    assert state is not None
    if lease := state.state_details.deployment_concurrency_lease_id:
        with get_client(sync_client=True) as client:
            client.renew_concurrency_lease(lease, 300)


def test_a_run_survives_a_restart_of_the_prefect_server(one_day: World, cloud: Cloud) -> None:
    before = job_states()
    flow_run = start()
    job = until(lambda: new_job(before))
    restart_server(cloud)
    renew_slot(flow_run)
    done = finished(flow_run)
    assert done.state.is_completed()  # type: ignore[union-attr]
    assert done.run_count == 1
    states = job_states()
    assert (states[job], len(states)) == ("SUCCEEDED", len(before) + 1)
    assert one_day.one("SELECT COUNT(*) FROM DW.FACT_SALES") == 2
    # Whoever comes next finds a free place: nothing of the first run holds it.
    assert finished(start()).state.is_completed()  # type: ignore[union-attr]


@contextmanager
def paused(queue: str) -> Iterator[None]:
    with get_client(sync_client=True) as client:
        found = client.read_work_queue_by_name(queue, work_pool_name=resources.WORK_POOL.name)
        client.update_work_queue(found.id, is_paused=True)
        try:
            yield
        finally:
            client.update_work_queue(found.id, is_paused=False)


@contextmanager
def soon_late(seconds: int) -> Iterator[None]:
    """Nobody waits half an hour for a test; the automation is the deployed one otherwise."""
    with get_client(sync_client=True) as client:
        (found,) = client.read_automations_by_name("highwater: a run that does not start is told")
        automation = AutomationCore.model_validate(found.model_dump(exclude={"id", "owner_resource"}))
        assert isinstance(automation.trigger, EventTrigger)
        usual = automation.trigger.within
        assert usual == timedelta(minutes=30)
        automation.trigger.within = timedelta(seconds=seconds)
        client.update_automation(found.id, automation)
        try:
            yield
        finally:
            automation.trigger.within = usual
            client.update_automation(found.id, automation)


def test_a_run_that_no_worker_takes_is_told_once(one_day: World) -> None:
    with soon_late(10):
        with paused("cpg-daily"):
            flow_run = start()
            heard: list[dict[str, Any]] = []
            until(lambda: heard.extend(one_day.alerts()) or heard)
            assert run_of(flow_run.id).state.name == "Late"  # type: ignore[union-attr]
        assert finished(flow_run).state.is_completed()  # type: ignore[union-attr]
    (told,) = [alert for alert in [*heard, *one_day.alerts()] if alert["severity"] != "INFO"]
    assert told["severity"] == "HIGH"
    assert told["run"]["run_id"] == str(flow_run.id)
    assert "no worker picked it up from queue cpg-daily of pool highwater-local" in told["message"]
