"""Alert for runs that do not start.

An automation in prefect.yaml starts this flow when a run is half an hour late: no worker picked it up, or another run of the
same deployment blocks it. The automation does not watch this flow's own deployment, so the flow cannot trigger itself. If
there is no worker at all, this flow waits too; the account's `no-worker` alarm covers that case.
"""

from __future__ import annotations

from uuid import UUID

from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectNotFound

from tasks.errors import Severity
from tasks.events import log
from tasks.runs import alerts
from tasks.runs.endings import facts_of, notify_of_refusal

_WAITING_STATES = ("Late", "AwaitingRetry")


@flow(
    name="late-run",
    flow_run_name="late-run {flow_run_id}",
    timeout_seconds=600,
    retries=2,
    on_failure=[notify_of_refusal],
)
def late_run(flow_run_id: UUID) -> str:
    """Alert once per scheduled start about a run that has not started.

    Args:
        flow_run_id: The run that has not started.
    """
    with get_client(sync_client=True) as client:
        try:
            run = client.read_flow_run(flow_run_id)
        except ObjectNotFound:
            log("the late run was deleted", run=flow_run_id)
            return "it was deleted"
        if run.state is None or run.state.name not in _WAITING_STATES:
            log(
                "the late run has started since", run=flow_run_id, state=run.state.name if run.state else None
            )
            return "it has started"
        facts = facts_of(client, run)
        blocker = _blocking_run(client, run)
    scheduled = run.next_scheduled_start_time or run.expected_start_time
    severity: Severity = "WARNING" if blocker else "HIGH"
    reason = _blocked_by(blocker) if blocker else _not_picked_up(run)
    message = (
        f"{run.name} should have started at {scheduled:%Y-%m-%d %H:%M %Z} and has not ({run.state.name}): {reason} "
        "docs/operate.md: a run that does not start."
    )
    alerts.send_once(f"late/{run.id}/{scheduled}", severity, message, facts)
    return message


def _blocking_run(client: SyncPrefectClient, run: FlowRun) -> FlowRun | None:
    """The active run of the same deployment, if any: a deployment's queue runs one at a time."""
    active = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING]))
    same_deployment = FlowRunFilterDeploymentId(any_=[run.deployment_id] if run.deployment_id else [])
    found = client.read_flow_runs(
        flow_run_filter=FlowRunFilter(state=active, deployment_id=same_deployment), limit=1
    )
    return found[0] if found else None


def _blocked_by(blocker: FlowRun) -> str:
    assert blocker.state is not None
    return (
        f"it waits for {blocker.name}, {blocker.state.name} since {blocker.state.timestamp:%Y-%m-%d %H:%M %Z}. If the "
        f"process of that run is dead, cancel the run: prefect flow-run cancel {blocker.id}."
    )


def _not_picked_up(run: FlowRun) -> str:
    return (
        f"no worker picked it up from queue {run.work_queue_name} of pool {run.work_pool_name}. Is the worker online? Is "
        "the queue paused? Is the pool full?"
    )
