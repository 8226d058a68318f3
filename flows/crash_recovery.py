"""Recovery of crashed runs: retry a run whose process died, up to a limit, then give up and alert.

An automation in prefect.yaml starts this flow. It watches only the pipelines' deployments, so a crash of this flow does not
start it again. It may be started twice for one crash; the second run finds nothing to do. If another process has already
sent an alert about the crash (tasks/leases/run_lease.py), the run is retried without a second alert.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any
from uuid import UUID

from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import AwaitingRetry

from tasks.events import log
from tasks.leases import run_lease
from tasks.runs import alerts
from tasks.runs.endings import facts_of, notify_of_refusal, stop_owned_jobs
from tasks.runs.run import mark_ended
from tasks.settings import settings

MAX_CRASHES = 3


@flow(
    name="crash-recovery",
    flow_run_name="crash-recovery {flow_run_id}",
    timeout_seconds=600,
    retries=2,
    on_failure=[notify_of_refusal],
)
def crash_recovery(flow_run_id: UUID) -> str:
    """Retry a crashed run after a delay, or stop its jobs and alert that it will not be retried.

    Args:
        flow_run_id: The run that crashed.
    """
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(flow_run_id)
        if run.state is None or not run.state.is_crashed():
            log("nothing to recover", run=flow_run_id, state=run.state.name if run.state else None)
            return "nothing to do"
        history = client.read_flow_run_states(flow_run_id)
        crashes = _crashes(history)
        facts = facts_of(client, run)
        if len(crashes) < MAX_CRASHES and run.deployment_id:
            return _schedule_retry(client, run, history, facts)
    return _give_up(run, history, facts)


def _give_up(run: FlowRun, history: Sequence[State[Any]], facts: dict[str, Any]) -> str:
    run_id, crashes = str(run.id), _crashes(history)
    stop_owned_jobs(run_id)
    message = (
        f"{run.name} crashed {len(crashes)} times and will not be retried: {why(crashes)} Check its page and the worker's "
        "log, then rerun it from its page (Retry); every step is safe to repeat."
    )
    starts = sum(state.type == StateType.PENDING for state in history)
    _should_notify(run_id, history)  # so that no other process alerts about this crash too
    alerts.send_once(f"given-up/{run_id}/{starts}", "CRITICAL", message, facts)
    if seen := run_lease.unfinished(run_id):
        mark_ended(seen, "CRASHED", "CRITICAL", message, run_id)
    return message


def _schedule_retry(
    client: SyncPrefectClient, run: FlowRun, history: Sequence[State[Any]], facts: dict[str, Any]
) -> str:
    """Retry after a delay: ECS or the worker may report the same crash late, and must not hit a run that has restarted."""
    crashes = _crashes(history)
    delay = delay_after(len(crashes), settings().take_up_seconds)
    message = f"{run.name} crashed and will be retried in {delay.total_seconds():.0f} s: {why(crashes)}"
    retry: State[Any] = AwaitingRetry(scheduled_time=datetime.now(UTC) + delay, message=message)
    client.set_flow_run_state(run.id, retry)
    if _should_notify(str(run.id), history):
        alerts.send("WARNING", message, facts)
    return message


def _crashes(history: Sequence[State[Any]]) -> list[State[Any]]:
    """The crashes in a run's history. Consecutive reports of one crash count once."""
    changes = zip([None, *history], history, strict=False)
    return [now for before, now in changes if now.type == StateType.CRASHED != (before and before.type)]


def _should_notify(run_id: str, history: Sequence[State[Any]]) -> bool:
    """Whether this flow is the first to report the crash; marks it as reported.

    If the run died before it started, no other process can have reported it.
    """
    last_start = list(takewhile(lambda state: state.type != StateType.PENDING, reversed(history)))
    process = run_lease.process_of(run_id)
    began = any(state.type == StateType.RUNNING for state in last_start)
    return run_lease.first_to_notify(process) if began and process else True


def why(crashes: Sequence[State[Any]]) -> str:
    return crashes[-1].message or "no reason was given." if crashes else "no reason was given."


def delay_after(crashes: int, first: float) -> timedelta:
    return timedelta(seconds=first * 2 ** (crashes - 1))
