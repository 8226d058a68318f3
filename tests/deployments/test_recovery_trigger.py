"""Which events start the recovery of a crashed run, judged by the Prefect server's own matching."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from prefect.server.events.schemas.automations import EventTrigger
from prefect.server.events.schemas.events import ReceivedEvent

(DECLARED,) = (
    trigger
    for deployment in yaml.safe_load((Path(__file__).parents[2] / "prefect.yaml").read_text())["deployments"]
    for trigger in deployment.get("triggers", [])
)
TRIGGER = EventTrigger.model_validate(
    {
        "type": "event",
        "posture": "Reactive",
        "threshold": 1,
        "within": 0,
        **{key: DECLARED[key] for key in ("match", "match_related", "expect")},
    }
)


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
