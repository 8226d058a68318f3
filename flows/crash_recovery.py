"""What becomes of a run whose process died: taken up again, a limited number of times, or left to people who are notified.

Started by an automation (prefect.yaml) that listens to the pipelines' deployments only, so a crash of this flow starts
nothing. It may be started twice for one crash, and the second time finds nothing to do. Others may have notified people
of the crash before (tasks/leases/run_lease.py): then the run is taken up in silence.
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

CRASHES_MOST = 3


@flow(
    name="crash-recovery",
    flow_run_name="crash-recovery {flow_run_id}",
    timeout_seconds=600,
    retries=2,
    on_failure=[notify_of_refusal],
)
def crash_recovery(flow_run_id: UUID) -> str:
    """Take a crashed run up again after a while, or stop its jobs and notify people that it stays crashed.

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
        if len(crashes) < CRASHES_MOST and run.deployment_id:
            return _taken_up(client, run, history, facts)
    return _given_up(run, history, facts)


def _given_up(run: FlowRun, history: Sequence[State[Any]], facts: dict[str, Any]) -> str:
    run_id, crashes = str(run.id), _crashes(history)
    stop_owned_jobs(run_id)
    message = (
        f"{run.name} crashed {len(crashes)} times and stays so: {why(crashes)} Look at its page and the worker's log; "
        "then run it again from its page (Retry), every step may be repeated."
    )
    starts = sum(state.type == StateType.PENDING for state in history)
    _is_news(run_id, history)  # of its last crash nobody else need notify any more
    alerts.send_once(f"given-up/{run_id}/{starts}", "CRITICAL", message, facts)
    if seen := run_lease.unfinished(run_id):
        mark_ended(seen, "CRASHED", "CRITICAL", message, run_id)
    return message


def _taken_up(
    client: SyncPrefectClient, run: FlowRun, history: Sequence[State[Any]], facts: dict[str, Any]
) -> str:
    """Not at once: what else reports the same crash (ECS, the worker) must find the run waiting, not started again."""
    crashes = _crashes(history)
    delay = delay_after(len(crashes), settings().take_up_seconds)
    message = f"{run.name} crashed and is taken up again in {delay.total_seconds():.0f} s: {why(crashes)}"
    again: State[Any] = AwaitingRetry(scheduled_time=datetime.now(UTC) + delay, message=message)
    client.set_flow_run_state(run.id, again)
    if _is_news(str(run.id), history):
        alerts.send("WARNING", message, facts)
    return message


def _crashes(history: Sequence[State[Any]]) -> list[State[Any]]:
    """A crash that is reported twice is one."""
    changes = zip([None, *history], history, strict=False)
    return [now for before, now in changes if now.type == StateType.CRASHED != (before and before.type)]


def _is_news(run_id: str, history: Sequence[State[Any]]) -> bool:
    """Whether nobody was notified of this crash yet. Of a run that crashed before it began nobody else knows."""
    since = list(takewhile(lambda state: state.type != StateType.PENDING, reversed(history)))
    process = run_lease.process_of(run_id)
    began = any(state.type == StateType.RUNNING for state in since)
    return run_lease.first_to_notify(process) if began and process else True


def why(crashes: Sequence[State[Any]]) -> str:
    return crashes[-1].message or "no reason was given." if crashes else "no reason was given."


def delay_after(crashes: int, first: float) -> timedelta:
    return timedelta(seconds=first * 2 ** (crashes - 1))
