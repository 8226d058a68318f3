"""Flow runs as ECS tasks: the real ECS worker takes them from its pool, the local ECS runs their command.

The deployments are moved to the ECS pool by the same `prefect deploy --all` that production uses, and back afterwards.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import boto3
import psutil
import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, DeploymentUpdate
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateName,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.states import Cancelling

from local import resources
from local.cloud import Cloud, worker_of
from local.supervisor import Supervisor
from tests.e2e.deliveries import deliver, sale
from tests.e2e.test_deployment import finished, job_states, new_job, run_of, start, until
from tests.e2e.world import OPEN, ROOT, World

DAY = date(2025, 1, 6)
NAME = "cpg-daily/cpg-daily"


@pytest.fixture(scope="module")
def on_ecs(cloud: Cloud) -> Iterator[None]:
    supervisor = Supervisor(cloud.settings)
    worker = worker_of(resources.ECS_WORK_POOL, "ecs-worker", cloud.settings)
    starting = threading.Thread(target=supervisor.start, args=(worker, threading.Event()))
    starting.start()
    deploy_all(cloud, resources.ECS_WORK_POOL.name)
    starting.join()
    yield
    deploy_all(cloud, resources.WORK_POOL.name)
    supervisor.stop(worker)


def deploy_all(cloud: Cloud, pool: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"],
        env={**os.environ, **cloud.environment, "HIGHWATER_WORK_POOL": pool},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as opened:
        yield opened


def tasks() -> dict[str, dict[str, Any]]:
    ecs = boto3.client("ecs")
    arns = ecs.list_tasks(cluster=resources.CLUSTER)["taskArns"]
    found = (
        ecs.describe_tasks(cluster=resources.CLUSTER, tasks=arns, include=["TAGS"])["tasks"] if arns else []
    )
    return {task["taskArn"]: dict(task) for task in found}


def tasks_of(run: FlowRun) -> list[dict[str, Any]]:
    tag = {"key": "prefect.io/flow-run-id", "value": str(run.id)}
    return sorted(
        (task for task in tasks().values() if tag in task["tags"]), key=lambda task: task["createdAt"]
    )


def kill(task: dict[str, Any]) -> None:
    """As the kernel does when a container is out of memory: at once, and all of it."""
    task_id = task["taskArn"].rpartition("/")[2]
    for process in psutil.process_iter(["environ"]):
        if (process.info["environ"] or {}).get("HIGHWATER_LOCAL_PROCESS", "").endswith(task_id):
            process.kill()


def scheduled(client: SyncPrefectClient) -> FlowRun:
    """What the deployment's schedule makes the server start by itself, in a moment."""
    deployment = client.read_deployment_by_name(NAME)
    (created,) = client.create_deployment_schedules(
        deployment.id,
        [
            DeploymentScheduleCreate(
                schedule=IntervalSchedule(
                    interval=timedelta(seconds=30), anchor_date=datetime.now(UTC) + timedelta(seconds=8)
                ),
                parameters={"run_date": DAY.isoformat(), "sources": ["sales"], "quality": OPEN.model_dump()},
            )
        ],
    )
    # The server looks at once at a deployment that was touched, at the others once a minute.
    client.update_deployment(deployment.id, DeploymentUpdate(paused=False))
    mine = FlowRunFilter(state=FlowRunFilterState(name=FlowRunFilterStateName(not_any_=["Scheduled"])))
    of = DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id]))
    known = {run.id for run in client.read_flow_runs(flow_run_filter=mine, deployment_filter=of)}
    runs = until(
        lambda: [
            run
            for run in client.read_flow_runs(flow_run_filter=mine, deployment_filter=of)
            if run.id not in known
        ],
        180,
    )
    client.delete_deployment_schedule(deployment.id, created.id)
    return runs[0]  # type: ignore[no-any-return]


def test_a_run_survives_the_death_of_its_task_and_the_schedule_runs_on_ecs_too(
    on_ecs: None, world: World, client: SyncPrefectClient
) -> None:
    deliver("sales", DAY, [sale("O1", DAY, 10), sale("O2", DAY, 20)])
    before = job_states()
    run = start()
    until(lambda: new_job(before))
    (first,) = tasks_of(run)
    assert (first["lastStatus"], first["cpu"], first["memory"]) == ("RUNNING", "512", "1024")

    kill(first)

    done = until(lambda: (now := run_of(run.id)).state.is_completed() and now, 400)  # type: ignore[union-attr]
    assert done.run_count == 2
    states = client.read_flow_run_states(run.id)
    assert [state.name for state in states if state.name in ("Running", "Crashed", "AwaitingRetry")] == [
        "Running",
        "Crashed",
        "AwaitingRetry",
        "Running",
    ]
    crashed = next(state for state in states if state.name == "Crashed")
    assert crashed.message == "The following containers stopped with a non-zero exit code: ['flow-run']"
    # The second task took up the first one's job rather than starting another.
    assert len(job_states()) == len(before) + 1
    assert world.one("SELECT COUNT(*) FROM DW.FACT_SALES") == 2
    until(lambda: [task["lastStatus"] for task in tasks_of(run)] == ["STOPPED", "STOPPED"])
    assert [task["containers"][0]["exitCode"] for task in tasks_of(run)] == [137, 0]
    said = [log.message for log in client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id])))]
    assert any(line.startswith("job resumed") for line in said)
    assert any("Container 'flow-run' exited with code 137" in line for line in said)

    # People hear of it from a flow that the crash started, as a task of its own, once.
    (warning,) = {alert["message"] for alert in world.alerts() if alert["severity"] == "WARNING"}
    assert warning.startswith("cpg-daily 2025-01-06 crashed and will be retried in ")
    (recovery,) = [
        found
        for found in client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=["crash-recovery"]))
        )
        if found.parameters["flow_run_id"] == str(run.id) and tasks_of(found)
    ]
    assert finished(recovery).state.is_completed()  # type: ignore[union-attr]

    # The schedule starts the same day again, which finds everything done.
    nightly = scheduled(client)
    assert nightly.auto_scheduled
    assert finished(nightly).state.is_completed()  # type: ignore[union-attr]
    (task,) = until(lambda: [task for task in tasks_of(nightly) if task["lastStatus"] == "STOPPED"])
    assert (task["cpu"], task["containers"][0]["exitCode"]) == ("512", 0)
    assert world.last_run() == (2, 2, 0, 0, "unchanged")
    said = [
        log.message for log in client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[nightly.id])))
    ]
    assert any(line.startswith("unchanged since its last publication") for line in said)


def test_cancelling_stops_the_task_and_its_job(on_ecs: None, world: World, client: SyncPrefectClient) -> None:
    deliver("sales", DAY, [sale("O1", DAY, 10)])
    before = job_states()
    run = start()
    job = until(lambda: new_job(before))

    client.set_flow_run_state(run.id, Cancelling())

    assert finished(run).state.is_cancelled()  # type: ignore[union-attr]
    (task,) = until(lambda: [task for task in tasks_of(run) if task["lastStatus"] == "STOPPED"])
    assert task["stoppedReason"] == "Essential container in task exited"
    assert job_states()[job] == "STOPPED"
    assert world.curated("sales") == []
