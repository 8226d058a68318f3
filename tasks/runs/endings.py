"""What happens when a run fails, is cancelled or crashes."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.flows import Flow
from prefect.states import Failed
from prefect.utilities.urls import url_for

from tasks.errors import HighwaterError, Severity
from tasks.events import log
from tasks.jobs import external_jobs
from tasks.leases import run_lease
from tasks.leases.run_lease import End
from tasks.runs import alerts, monitoring
from tasks.runs.monitoring import RunRecord
from tasks.runs.run import mark_ended
from tasks.services.snowflake import connect


def ended_badly(error: HighwaterError) -> State[Any]:
    """The Failed state, with a message for people instead of a traceback of our code."""
    message = f"{type(error).__name__}: {error}"
    log(message, level=logging.ERROR)
    return Failed(message=message, data=error)


def stop_external_jobs(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Stop the jobs of a cancelled or crashed run. Prefect calls this from a process that is still alive.

    A crash of a deployment's run is left to flows/crash_recovery.py, which resumes the run with its jobs, or stops them
    and notifies people.
    """
    run_id = str(flow_run.id)
    if state.is_crashed() and flow_run.deployment_id:
        log("crashed, left to crash-recovery", flow=flow.name, run=run_id)
        return
    stop_owned_jobs(run_id, flow=flow.name, state=state.name)
    if seen := run_lease.unfinished(run_id):
        status: End = "CANCELLED" if state.is_cancelled() else "CRASHED"
        severity: Severity = "WARNING" if state.is_cancelled() else "HIGH"
        mark_ended(seen, status, severity, f"{state.message or status.lower()}. Run it again.", run_id)


def stop_owned_jobs(flow_run_id: str, **facts: Any) -> None:
    """Stop the jobs that a run has left running in other services."""
    stopped = external_jobs.stop_owned(flow_run_id)
    log("external jobs stopped", run=flow_run_id, jobs=",".join(stopped) or "none were running", **facts)


def notify_of_refusal(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Notify people of a run that failed before it began, for example on refused parameters. Called by Prefect."""
    run_id = str(flow_run.id)
    held = run_lease.never_begun(run_id, flow.name)
    if held is None:
        return
    message = state.message or "failed before it began"
    alerts.send("HIGH", message, {"flow": flow.name, "run_id": run_id, "run_date": flow_run.name})
    now = datetime.now(UTC)
    with connect(flow=flow.name, run_id=run_id, step="record refusal") as connection:
        refused = RunRecord(
            run_id=run_id,
            flow=flow.name,
            run_date=None,
            parameters=flow_run.parameters,
            status="FAILED",
            started_at=flow_run.start_time or now,
            ended_at=now,
            message=message,
        )
        monitoring.record_run(connection, refused)
    run_lease.close(held, "FAILED")


def facts_of(client: SyncPrefectClient, run: FlowRun) -> dict[str, Any]:
    """The facts for people about a run other than the current one."""
    return {
        "flow": client.read_flow(run.flow_id).name,
        "run_id": str(run.id),
        "run": run.name,
        "url": url_for("flow-run", run.id),
    }
