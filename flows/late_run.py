"""What becomes of a run that never starts: people are told.

Started by an automation (prefect.yaml) when a run was late for half an hour. The automation does not listen to this flow's
own deployment, so it cannot start itself. Where there is no worker at all this flow waits as well: the account's alarm
`no-worker` tells then.
"""

from __future__ import annotations

from uuid import UUID

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound

from flows.endings import facts_of, tell_of_refusal
from tasks import alerts
from tasks.events import log

_NOT_TAKEN = ("Late", "AwaitingRetry")


@flow(
    name="late-run",
    flow_run_name="late-run {flow_run_id}",
    timeout_seconds=600,
    retries=2,
    on_failure=[tell_of_refusal],
)
def late_run(flow_run_id: UUID) -> str:
    """Tell people of a run that should have started and has not; once for each time that it was to start.

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
    wanted = run.next_scheduled_start_time or run.expected_start_time
    message = (
        f"{run.name} should have started at {wanted:%Y-%m-%d %H:%M %Z} and has not ({run.state.name}): nobody takes it from "
        f"queue {run.work_queue_name} of pool {run.work_pool_name}. Is its worker online, is the queue paused, is the pool "
        "full? docs/operate.md: a run that does not start."
    )
    alerts.send_once(f"late/{run.id}/{wanted}", "HIGH", message, facts)
    return message
