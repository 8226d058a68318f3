"""What becomes of a run that never starts: people are notified.

Started by an automation (prefect.yaml) when a run was late for half an hour: no worker took it, or it waits for a run of the
same deployment. The automation does not listen to this flow's
own deployment, so it cannot start itself. Where there is no worker at all this flow waits as well: the account's alarm
`no-worker` notifies then.
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

_NOT_TAKEN = ("Late", "AwaitingRetry")


@flow(
    name="late-run",
    flow_run_name="late-run {flow_run_id}",
    timeout_seconds=600,
    retries=2,
    on_failure=[notify_of_refusal],
)
def late_run(flow_run_id: UUID) -> str:
    """Notify people of a run that should have started and has not; once for each time that it was to start.

    Args:
        flow_run_id: The run that does not start.
    """
    with get_client(sync_client=True) as client:
        try:
            run = client.read_flow_run(flow_run_id)
        except ObjectNotFound:
            log("nobody waits for it any more", run=flow_run_id)
            return "it is deleted"
        if run.state is None or run.state.name not in _NOT_TAKEN:
            log("somebody took it since", run=flow_run_id, state=run.state.name if run.state else None)
            return "it was taken"
        facts = facts_of(client, run)
        ahead = _run_ahead(client, run)
    wanted = run.next_scheduled_start_time or run.expected_start_time
    severity: Severity = "WARNING" if ahead else "HIGH"
    reason = _waiting_for(ahead) if ahead else _not_taken(run)
    message = (
        f"{run.name} should have started at {wanted:%Y-%m-%d %H:%M %Z} and has not ({run.state.name}): {reason} "
        "docs/operate.md: a run that does not start."
    )
    alerts.send_once(f"late/{run.id}/{wanted}", severity, message, facts)
    return message


def _run_ahead(client: SyncPrefectClient, run: FlowRun) -> FlowRun | None:
    """A deployment's queue takes one run at a time."""
    active = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING]))
    of_the_same = FlowRunFilterDeploymentId(any_=[run.deployment_id] if run.deployment_id else [])
    found = client.read_flow_runs(
        flow_run_filter=FlowRunFilter(state=active, deployment_id=of_the_same), limit=1
    )
    return found[0] if found else None


def _waiting_for(ahead: FlowRun) -> str:
    assert ahead.state is not None
    return (
        f"it waits for {ahead.name}, {ahead.state.name} since {ahead.state.timestamp:%Y-%m-%d %H:%M %Z}. If the process of "
        f"that run is dead, cancel the run: prefect flow-run cancel {ahead.id}."
    )


def _not_taken(run: FlowRun) -> str:
    return (
        f"nobody takes it from queue {run.work_queue_name} of pool {run.work_pool_name}. Is its worker online, is the queue "
        "paused, is the pool full?"
    )
