"""Which events start the recovery of a crashed run and the word of a late one, judged by Prefect's own matching."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from prefect.events.schemas.deployment_triggers import DeploymentEventTrigger
from prefect.server.events.schemas.automations import EventTrigger, Posture
from prefect.server.events.schemas.events import ReceivedEvent

DECLARED = {
    deployment["name"]: trigger
    for deployment in yaml.safe_load((Path(__file__).parents[2] / "prefect.yaml").read_text())["deployments"]
    for trigger in deployment.get("triggers", [])
}


def trigger(name: str) -> Any:
    """As `prefect deploy` hands it to the server."""
    declared = {key: value for key, value in DECLARED[name].items() if key != "parameters"}
    read = DeploymentEventTrigger.model_validate(declared)
    read.set_deployment_id(uuid4())
    return read.as_automation().trigger


def server_side(name: str) -> EventTrigger:
    return EventTrigger.model_validate(trigger(name).model_dump(mode="json"))


TRIGGER = server_side("crash-recovery")
LATE = server_side("late-run")


def event(state: str = "Crashed", deployment: str | None = "cpg-daily") -> ReceivedEvent:
    """As prefect.server.models.events.flow_run_state_change_event words it."""
    related = [
        {
            "prefect.resource.id": f"prefect.flow.{uuid4()}",
            "prefect.resource.role": "flow",
            "prefect.resource.name": deployment or "cpg-daily",
        }
    ]
    if deployment:
        related.append(
            {
                "prefect.resource.id": f"prefect.deployment.{uuid4()}",
                "prefect.resource.role": "deployment",
                "prefect.resource.name": deployment,
            }
        )
    return ReceivedEvent.model_validate(
        {
            "occurred": datetime.now(UTC),
            "event": f"prefect.flow-run.{state}",
            "resource": {"prefect.resource.id": f"prefect.flow-run.{uuid4()}"},
            "related": related,
            "id": uuid4(),
            "received": datetime.now(UTC),
        }
    )


@pytest.mark.parametrize(
    ("happened", "starts"),
    [
        (event(), True),
        (event(deployment="cpg-backfill"), True),
        (event(deployment="crash-recovery"), False),  # it does not recover itself
        (event(deployment=None), False),  # a subflow, or a run by hand: its parent or its person knows
        (event(state="Failed"), False),  # it told people itself
        (event(state="Cancelled"), False),
        (event(state="Running"), False),
    ],
)
def test_what_starts_a_recovery(happened: ReceivedEvent, starts: bool) -> None:
    assert (TRIGGER.covers(happened) and TRIGGER.expects(happened.event)) is starts


@pytest.mark.parametrize(
    ("happened", "awaited"),
    [
        (event("Late"), True),
        (event("AwaitingRetry"), True),  # a recovery that no worker takes up
        (event("Late", deployment="crash-recovery"), True),
        (event("Late", deployment="late-run"), False),  # it does not tell of itself
        (event("Late", deployment=None), False),
        (event("Scheduled"), False),
    ],
)
def test_what_must_be_taken_by_a_worker_within_half_an_hour(happened: ReceivedEvent, awaited: bool) -> None:
    assert (LATE.covers(happened) and LATE.starts_after(happened.event)) is awaited
    assert (LATE.within, LATE.posture) == (timedelta(minutes=30), Posture.Proactive)


@pytest.mark.parametrize("state", ["Pending", "Running", "Cancelled", "Crashed", "Completed"])
def test_what_ends_the_wait(state: str) -> None:
    assert LATE.covers(event(state))
    assert LATE.expects(f"prefect.flow-run.{state}")
