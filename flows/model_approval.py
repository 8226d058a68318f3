"""A person's decision on a model: in the registry, on the run's page, or left to the run."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from prefect import pause_flow_run
from prefect.client.orchestration import get_client
from prefect.exceptions import FlowPauseTimeout
from prefect.input import RunInput
from prefect.states import Running
from pydantic import Field

from tasks.errors import BusinessError
from tasks.models import model_registry
from tasks.models.model_registry import ModelVersion, Registration
from tasks.runs import alerts
from tasks.runs.run import Run
from tasks.step import step

_SECONDS_AN_HOUR = 3600
_STATUS: dict[Literal["approve", "reject"], Literal["Approved", "Rejected"]] = {
    "approve": "Approved",
    "reject": "Rejected",
}


class Approval(RunInput):
    """What the run's page asks a person for."""

    decision: Literal["approve", "reject"]
    why: str = Field(default="", description="kept with the model in the registry")


def decided(run: Run, model: ModelVersion, registration: Registration) -> ModelVersion:
    """Nobody is asked who has decided already, in the registry or in an earlier run of the same forecast."""
    if model.status == "PendingManualApproval" and registration.auto_approve:
        model = decide(model, "approve", "auto_approve of the run")
    elif model.status == "PendingManualApproval" and registration.wait_for_approval:
        model = asked(run, model, registration)
    if model.status == "Rejected":
        raise BusinessError(f"model {model.name} was rejected; its predictions were not published.")
    return model


def asked(run: Run, model: ModelVersion, registration: Registration) -> ModelVersion:
    alerts.send("WARNING", f"model {model.name} waits for approval on the page of this run", run.facts())
    try:
        answer = pause_flow_run(
            wait_for_input=Approval.with_initial_data(
                description=f"Model {model.name} passed the gate. The figures and the plot are on this page."
            ),
            timeout=int(registration.wait_hours * _SECONDS_AN_HOUR),
        )
    except FlowPauseTimeout as error:
        known = look_up(model)
        if known.status == "PendingManualApproval":
            raise BusinessError(
                f"nobody decided on model {model.name} within {registration.wait_hours:g} hours; its predictions were "
                "not published. Approve it in the registry and run the same day again."
            ) from error
        go_on(run)
        return known
    return agreed(look_up(model), answer)


def agreed(model: ModelVersion, answer: Approval) -> ModelVersion:
    """The page does not overrule who has decided in the registry while the run waited."""
    if model.status == "PendingManualApproval":
        return decide(model, answer.decision, answer.why)
    if model.status != _STATUS[answer.decision]:
        raise BusinessError(
            f"model {model.name} is {model.status} in the registry since this run began to wait, and its page was told to "
            f"{answer.decision} it; its predictions were not published. Agree on one, set it in the registry, and run the "
            "same day again."
        )
    return model


def go_on(run: Run) -> None:
    """The server calls a run whose pause ran out Failed, and lets nobody resume it."""
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(UUID(run.run_id), Running(), force=True)


@step("look up the decision")
def look_up(model: ModelVersion) -> ModelVersion:
    return model_registry.current(model)


@step("decide")
def decide(model: ModelVersion, decision: Literal["approve", "reject"], why: str) -> ModelVersion:
    return model_registry.decide(model, _STATUS[decision], why)
