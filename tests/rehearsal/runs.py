"""Daily runs on the ECS pool, and what is done to them under way."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterExpectedStartTime,
)
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort

from deployments import names
from local import resources
from local.cloud import declared_parts
from local.part import Part
from local.sql import query
from tasks.lake import lake_tables
from tasks.lake.lake_log import notes_of
from tests.e2e.deliveries import address, parquet, sale, table
from tests.rehearsal.releases import worker
from tests.rehearsal.scene import UNIQUE, Scene

NAME = "cpg-daily/cpg-daily"
# The page's day, and the next ones. None is a Monday: the forecast would follow.
FIRST, KILLED, RESTARTED, NEXT, BACK = (date(2025, 1, day) for day in range(7, 12))
ROWS = 3
# A day of three rows: the contract's limits are for real ones.
_OPEN = {
    "row_count_min": 1,
    "null_rate_max": 1,
    "duplicate_rate_max": 1,
    "rejected_rate_max": 1,
    "superseded_rate_max": 1,
}
SMALL: dict[str, Any] = {"sources": ["sales"], "quality": {"sales": _OPEN}, "forecast": "never"}
_RUN_SECONDS = 600


def first(scene: Scene, command: str) -> str:
    """The page's command, which waits for the end."""
    _deliver(scene, FIRST)
    scene.run(f"{command} {_given()}")
    return _shown(scene, _newest(FIRST), FIRST)


def of_another_day(day: date) -> Callable[[Scene], str]:
    def act(scene: Scene) -> str:
        run = _start(scene, day)
        return _shown(scene, _finished(run.id), day)

    return act


def start_one_to_kill(scene: Scene, command: str) -> str:
    _deliver(scene, KILLED)
    before = _jobs(scene)
    scene.run(f"{command} {_given()}")
    run = _newest(KILLED)
    job = _until(lambda: _new_job(scene, before))
    scene.values["flow run id"] = str(run.id)
    return f"{run.name} has a task and Glue run {job[:12]}"


def kill_task(scene: Scene, command: str) -> str:
    scene.run(command)
    run = _finished(UUID(scene.values["flow run id"]))
    with get_client(sync_client=True) as client:
        states = [state.name for state in client.read_flow_run_states(run.id)]
    wanted = ["Running", "Crashed", "AwaitingRetry", "Running", "Completed"]
    passed = [state for state in states if state in wanted]
    if passed != wanted:
        raise AssertionError(f"{run.name} went through {', '.join(states)}")
    return f"{' > '.join(passed)}; {_shown(scene, run, KILLED)}"


def restart_under_a_run(scene: Scene) -> str:
    """Worker and server are killed at once, as with a lost host, and started again."""
    before = _jobs(scene)
    run = _start(scene, RESTARTED)
    job = _until(lambda: _new_job(scene, before))
    (server,) = (part for part in declared_parts(scene.settings) if part.name == "prefect")
    for part in (worker(scene), server):
        _kill(scene, part)
    for part in (server, worker(scene)):
        scene.supervisor.start(part, threading.Event())
    ended = _finished(run.id)
    state = _jobs(scene)[job]
    if (ended.run_count, state) != (1, "SUCCEEDED"):
        raise AssertionError(f"{ended.name} was run {ended.run_count} times, its job {job} is {state}")
    return f"run once, its Glue run {state}; {_shown(scene, ended, RESTARTED)}"


def _kill(scene: Scene, part: Part) -> None:
    process = scene.supervisor.process(part)
    if process is None:
        raise AssertionError(f"{part.name} does not run: see {scene.supervisor.log(part.name)}")
    for one in [process, *process.children(recursive=True)]:
        one.kill()
    process.wait(10)


def _given() -> str:
    """What a small day needs beside the page's parameters."""
    return " ".join(f"-p {name}='{json.dumps(value)}'" for name, value in SMALL.items())


def _deliver(scene: Scene, day: date) -> None:
    rows = [sale(f"{day}-{number}", day, 10 * number) for number in range(1, ROWS + 1)]
    bucket = f"{resources.LAKE.name}{UNIQUE}"
    scene.aws("s3").put_object(Bucket=bucket, Key=address("sales", day), Body=parquet(table(rows)))


def _start(scene: Scene, day: date) -> FlowRun:
    _deliver(scene, day)
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(NAME)
        parameters = {"run_date": day.isoformat(), **SMALL}
        return client.create_flow_run_from_deployment(deployment.id, parameters=parameters)


def _newest(day: date) -> FlowRun:
    """Of those that are to run or have run: a schedule's, days ahead, would fill the server's page."""
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(NAME)
        runs = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                deployment_id=FlowRunFilterDeploymentId(any_=[deployment.id]),
                expected_start_time=FlowRunFilterExpectedStartTime(before_=datetime.now(UTC)),
            ),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        )
    found = next((run for run in runs if run.parameters.get("run_date") == day.isoformat()), None)
    if found is None:
        raise AssertionError(f"of the {len(runs)} newest runs of {NAME} none is of {day}")
    return found


def _finished(run: UUID) -> FlowRun:
    """In the end, not in a crash that is taken up again."""
    with get_client(sync_client=True) as client:

        def completed() -> FlowRun | None:
            now = client.read_flow_run(run)
            state = now.state
            if state and (state.is_failed() or state.is_cancelled()):
                raise AssertionError(f"{now.name} ended {state.name}: {state.message}")
            return now if state and state.is_completed() else None

        found: FlowRun = _until(completed)
        return found


def _until(true: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + _RUN_SECONDS
    while time.monotonic() < deadline:
        if found := true():
            return found
        time.sleep(0.5)
    raise AssertionError(f"not within {_RUN_SECONDS} s")


def _jobs(scene: Scene) -> dict[str, str]:
    runs = scene.aws("glue").get_job_runs(JobName=names.CURATE)["JobRuns"]
    return {run["Id"]: run["JobRunState"] for run in runs}


def _new_job(scene: Scene, before: dict[str, str]) -> str | None:
    return next((j for j, state in _jobs(scene).items() if j not in before and state == "RUNNING"), None)


def _shown(scene: Scene, run: FlowRun, day: date) -> str:
    """What Prefect, ECS, the lake and Snowflake say of a run that is to have completed."""
    if run.state is None or not run.state.is_completed():
        raise AssertionError(
            f"{run.name} ended {run.state and run.state.name}: {run.state and run.state.message}"
        )
    codes = [task["containers"][0].get("exitCode") for task in _tasks(scene, run)]
    rows = scene.one(f"SELECT COUNT(*) FROM DW.FACT_SALES WHERE order_id LIKE '{day}-%'")
    code = _published_by(run)
    statement = f"SELECT rows_published, status FROM MONITORING.RUN_DATASETS WHERE run_id = '{run.id}'"
    ((published, status),) = query(statement, scene.settings).rows
    if (rows, published, code) != (ROWS, ROWS, scene.noted["version"]):
        raise AssertionError(
            f"{run.name}: {rows} rows in the DW, {published} {status} in the lake by version {code}"
        )
    seconds = run.total_run_time.total_seconds()
    return (
        f"{run.name} Completed in {seconds:.0f} s, task exit codes {codes}; {rows} rows in the DW, "
        f"{published} {status} in the lake by version {code}"
    )


def _tasks(scene: Scene, run: FlowRun) -> list[dict[str, Any]]:
    ecs = scene.aws("ecs")
    arns = [arn for status in ("RUNNING", "STOPPED") for arn in _arns(ecs, status)]
    found = ecs.describe_tasks(cluster=names.CLUSTER, tasks=list(dict.fromkeys(arns)), include=["TAGS"])[
        "tasks"
    ]
    tag = {"key": "prefect.io/flow-run-id", "value": str(run.id)}
    return sorted((task for task in found if tag in task["tags"]), key=lambda task: task["createdAt"])


def _arns(ecs: Any, status: str) -> list[str]:
    return list(ecs.list_tasks(cluster=names.CLUSTER, desiredStatus=status)["taskArns"])


def _published_by(run: FlowRun) -> str | None:
    """The version in the note of the run's publication."""
    notes = notes_of(lake_tables.load(lake_tables.CURATED, "sales"))
    return next((note.get("code") for note in notes if note.get("run-id") == str(run.id)), None)
