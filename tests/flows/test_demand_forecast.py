"""What needs no server: dates, and a person's decision."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from prefect.exceptions import FlowPauseTimeout

from flows import demand_forecast as forecast
from flows import model_approval
from flows.demand_forecast import as_of_or_today
from flows.model_approval import Approval, with_decision
from tasks.errors import BusinessError, DataError
from tasks.models.model_registry import ModelVersion, Registration
from tasks.runs.run import Run

DAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("asked", "expected"), [(None, DAY), (date(2026, 11, 24), date(2026, 11, 24)), (date(2025, 1, 1),) * 2]
)
def test_the_day_is_today_or_the_one_asked_for(
    monkeypatch: pytest.MonkeyPatch, asked: date | None, expected: date
) -> None:
    monkeypatch.setattr(forecast, "business_today", lambda: DAY)
    monkeypatch.setattr(forecast, "scheduled_today", lambda: DAY)
    assert as_of_or_today(asked) == expected


def test_a_day_after_tomorrow_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast, "business_today", lambda: DAY)
    with pytest.raises(DataError, match="as_of 2026-11-25 is in the future: today is 2026-11-23"):
        as_of_or_today(date(2026, 11, 25))


def model(status: str) -> ModelVersion:
    return ModelVersion("arn", 3, status, {}, "s3://a/m.tar.gz", "image", "s3://a/e.json")


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Answers what the test says; None: never. `registry` is what somebody made of the model there meanwhile."""
    says: dict[str, Any] = {"decision": None, "asked": 0, "timeout": None, "went_on": 0, "decided": 0}
    says["registry"] = "PendingManualApproval"

    def pause(*, wait_for_input: Any, timeout: int) -> Approval:
        says["asked"] += 1
        says["timeout"] = timeout
        if says["decision"] is None:
            raise FlowPauseTimeout
        return Approval(decision=says["decision"], why="looked at the plot")

    def decide(found: ModelVersion, decision: str, why: str) -> ModelVersion:
        says["why"] = why
        says["decided"] += 1
        return model("Approved" if decision == "approve" else "Rejected")

    monkeypatch.setattr(model_approval, "pause_flow_run", pause)
    monkeypatch.setattr(model_approval, "decide", decide)
    monkeypatch.setattr(model_approval, "look_up", lambda found: replace(found, status=says["registry"]))
    monkeypatch.setattr(model_approval, "_resume", lambda _: says.update(went_on=1))
    monkeypatch.setattr(model_approval.alerts, "send", lambda *_: None)
    return says


def wait(status: str = "PendingManualApproval", registration: Registration | None = None) -> ModelVersion:
    run = Run("demand-forecast", DAY, DAY, run_id="r")
    return with_decision(
        run, model(status), registration or Registration(wait_for_approval=True, wait_hours=2)
    )


def test_an_approved_model_goes_on(person: dict[str, Any]) -> None:
    person["decision"] = "approve"
    assert wait().status == "Approved"
    assert (person["timeout"], person["why"]) == (7200, "looked at the plot")


def test_a_rejected_models_predictions_are_not_published(person: dict[str, Any]) -> None:
    person["decision"] = "reject"
    with pytest.raises(BusinessError, match="model v3 was rejected; its predictions were not published"):
        wait()


def test_nobody_answers(person: dict[str, Any]) -> None:
    with pytest.raises(BusinessError, match="nobody decided on model v3 within 2 hours"):
        wait()
    assert person["went_on"] == 0


@pytest.mark.parametrize("decision", [None, "approve"])
def test_an_approval_in_the_registry_during_the_pause_counts(
    person: dict[str, Any], decision: str | None
) -> None:
    person.update(decision=decision, registry="Approved")
    assert wait().status == "Approved"
    assert (person["decided"], person["went_on"]) == (0, decision is None)


@pytest.mark.parametrize("decision", [None, "reject"])
def test_a_rejection_in_the_registry_during_the_pause_counts(
    person: dict[str, Any], decision: str | None
) -> None:
    person.update(decision=decision, registry="Rejected")
    with pytest.raises(BusinessError, match="model v3 was rejected"):
        wait()
    assert person["decided"] == 0


@pytest.mark.parametrize(("decision", "registry"), [("approve", "Rejected"), ("reject", "Approved")])
def test_two_people_who_disagree_publish_nothing_and_overwrite_nothing(
    person: dict[str, Any], decision: str, registry: str
) -> None:
    person.update(decision=decision, registry=registry)
    with pytest.raises(
        BusinessError, match=f"v3 was set to {registry} in the registry .* chose to {decision} it"
    ):
        wait()
    assert person["decided"] == 0


def test_who_has_decided_in_the_registry_is_not_asked_again(person: dict[str, Any]) -> None:
    assert wait("Approved").status == "Approved"
    with pytest.raises(BusinessError, match="rejected"):
        wait("Rejected")
    assert person["asked"] == 0


def test_without_being_asked_for_a_pending_model_stays_pending(person: dict[str, Any]) -> None:
    assert wait(registration=Registration()).status == "PendingManualApproval"
    with pytest.raises(BusinessError, match="rejected"):
        wait("Rejected", Registration(auto_approve=True))
    assert person["asked"] == 0


def test_a_model_of_an_earlier_run_is_approved_when_the_run_says_so(person: dict[str, Any]) -> None:
    assert wait(registration=Registration(auto_approve=True)).status == "Approved"
    assert (person["asked"], person["why"]) == (0, "auto_approve of the run")
