"""Model approval: by a person in the registry or on the run's page, or automatically by the run."""

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
    """The approval form on the run's page."""

    decision: Literal["approve", "reject"]
    why: str = Field(default="", description="kept with the model in the registry")


def with_decision(run: Run, model: ModelVersion, registration: Registration) -> ModelVersion:
    """The model after its approval decision; BusinessError if it was rejected.

    Asks only if there is no decision yet, in the registry or from an earlier run of the same forecast.
    """
    if model.status == "PendingManualApproval" and registration.auto_approve:
        model = decide(model, "approve", "auto_approve of the run")
    elif model.status == "PendingManualApproval" and registration.wait_for_approval:
        model = _ask(run, model, registration)
    if model.status == "Rejected":
        raise BusinessError(f"model {model.name} was rejected; its predictions were not published.")
    return model


def _ask(run: Run, model: ModelVersion, registration: Registration) -> ModelVersion:
    alerts.send("WARNING", f"model {model.name} is waiting for approval on this run's page", run.facts())
    try:
        answer = pause_flow_run(
            wait_for_input=Approval.with_initial_data(
                description=f"Model {model.name} passed the gate. The figures and the plot are on this page."
            ),
            timeout=int(registration.wait_hours * _SECONDS_AN_HOUR),
        )
    except FlowPauseTimeout as error:
        latest = look_up(model)
        if latest.status == "PendingManualApproval":
            raise BusinessError(
                f"nobody decided on model {model.name} within {registration.wait_hours:g} hours; its predictions were "
                "not published. Approve it in the registry and run the same day again."
            ) from error
        _resume(run)
        return latest
    return _reconciled(look_up(model), answer)


def _reconciled(model: ModelVersion, answer: Approval) -> ModelVersion:
    """Apply the page's answer, unless somebody decided in the registry while the run waited."""
    if model.status == "PendingManualApproval":
        return decide(model, answer.decision, answer.why)
    if model.status != _STATUS[answer.decision]:
        raise BusinessError(
            f"model {model.name} was set to {model.status} in the registry while this run waited, but on the run's page "
            f"someone chose to {answer.decision} it; its predictions were not published. Agree on one decision, set it in "
            "the registry, and run the same day again."
        )
    return model


def _resume(run: Run) -> None:
    """Force the run back to Running: Prefect marks a run as Failed when its pause times out, and refuses to resume it."""
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(UUID(run.run_id), Running(), force=True)


@step("check for a decision")
def look_up(model: ModelVersion) -> ModelVersion:
    return model_registry.current(model)


@step("decide")
def decide(model: ModelVersion, decision: Literal["approve", "reject"], why: str) -> ModelVersion:
    return model_registry.decide(model, _STATUS[decision], why)
