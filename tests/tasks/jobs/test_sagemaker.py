"""SageMaker jobs through the ledger: one name per attempt, taken up when it is there already, against a scripted service."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tasks.errors import DataError, SystemFault
from tasks.jobs import external_jobs, sagemaker
from tasks.leases import job_entry, lease
from tasks.leases.job_entry import JobEntry
from tasks.services import aws

WORK = "train/0123456789abcdef"
NAME = "demand-forecast-train-0123456789abcdef-1"
START = datetime(2026, 11, 23, tzinfo=UTC)


def refused(code: str, message: str, action: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, action)


class ScriptedSageMaker:
    """Training jobs by name, each with the states that it shows one after the other."""

    def __init__(self) -> None:
        self.jobs: dict[str, list[str]] = {}
        self.requests: list[dict[str, Any]] = []
        self.next_states = ["InProgress", "Completed"]
        self.on_create: Callable[[], Any] = lambda: None
        self.reason = "AlgorithmError: boom"

    def create_training_job(self, **request: Any) -> dict[str, str]:
        name = request["TrainingJobName"]
        if name in self.jobs:
            raise refused("ResourceInUse", "Job name must be unique", "CreateTrainingJob")
        self.jobs[name] = list(self.next_states)
        self.requests.append(request)
        self.on_create()
        return {"TrainingJobArn": f"arn:{name}"}

    def describe_training_job(self, *, TrainingJobName: str) -> dict[str, Any]:
        if TrainingJobName not in self.jobs:
            raise refused("ValidationException", "Requested resource not found.", "DescribeTrainingJob")
        states = self.jobs[TrainingJobName]
        state = states.pop(0) if len(states) > 1 else states[0]
        times = {"TrainingStartTime": START, "TrainingEndTime": START + timedelta(seconds=42)}
        return {"TrainingJobStatus": state, "FailureReason": self.reason, **times}

    def stop_training_job(self, *, TrainingJobName: str) -> None:
        if self.jobs[TrainingJobName][0] != "InProgress":
            raise refused(
                "ValidationException", "The request was rejected: it is Completed.", "StopTrainingJob"
            )
        self.jobs[TrainingJobName] = ["Stopping", "Stopped"]


@pytest.fixture
def service(account: None, monkeypatch: pytest.MonkeyPatch) -> ScriptedSageMaker:
    scripted = ScriptedSageMaker()
    monkeypatch.setattr(aws, "sagemaker", lambda: scripted)
    monkeypatch.setattr(external_jobs.time, "sleep", lambda _seconds: None)
    return scripted


def run(owner: str = "flow-1") -> JobEntry:
    return external_jobs.run(
        sagemaker.TRAINING,
        "demand-forecast-train",
        WORK,
        lambda attempt: {"RoleArn": f"role{attempt}"},
        owner,
    )


def test_a_job_is_named_by_work_and_attempt_and_followed_to_its_end(service: ScriptedSageMaker) -> None:
    entry = run()
    assert (entry.external_id, entry.status) == (NAME, "SUCCEEDED")
    assert service.requests == [{"RoleArn": "role1", "TrainingJobName": NAME}]
    assert run("flow-2").external_id == NAME
    assert len(service.requests) == 1


def test_killed_between_the_start_and_the_note(service: ScriptedSageMaker) -> None:
    def die() -> None:
        raise KeyboardInterrupt

    service.on_create = die
    with pytest.raises(KeyboardInterrupt):
        run("killed")
    assert job_entry.get(WORK).external_id is None  # type: ignore[union-attr]
    external_jobs.release_orphans("other", lambda owner: owner == "killed", keep=[WORK])
    assert run("killed").external_id == NAME  # the same flow run, retried
    assert len(service.requests) == 1


def test_a_start_that_is_repeated_meets_its_own_job(service: ScriptedSageMaker) -> None:
    service.jobs[NAME] = ["InProgress", "Completed"]
    entry = job_entry.claim(WORK, sagemaker.TRAINING, "demand-forecast-train", "flow-1")
    assert entry
    assert external_jobs.SERVICES[sagemaker.TRAINING].start(entry, {}) == NAME
    assert run("flow-1").external_id == NAME
    assert service.requests == []


def test_a_failed_job_says_why_and_the_next_attempt_is_another(service: ScriptedSageMaker) -> None:
    service.next_states = ["Failed"]
    with pytest.raises(SystemFault, match=rf"{NAME} ended Failed: AlgorithmError: boom"):
        run()
    service.next_states = ["Completed"]
    assert run().external_id == NAME.removesuffix("1") + "2"


def test_the_programs_own_data_error_keeps_its_kind(service: ScriptedSageMaker) -> None:
    service.next_states, service.reason = ["Failed"], "AlgorithmError: DataError: 40 weeks of history"
    with pytest.raises(DataError, match="40 weeks of history"):
        run()


def test_a_stopped_job_needs_a_person(service: ScriptedSageMaker) -> None:
    service.next_states = ["Stopped"]
    with pytest.raises(SystemFault, match="run it again"):
        run()


def test_stopping_what_a_run_owns(service: ScriptedSageMaker) -> None:
    entry = job_entry.claim(WORK, sagemaker.TRAINING, "demand-forecast-train", "mine")
    assert entry
    service.jobs[NAME] = ["InProgress"]
    lease.renew(entry, status="RUNNING", external_id=NAME)
    assert external_jobs.stop_owned("mine") == [NAME]
    assert service.jobs[NAME][0] == "Stopping"
    assert job_entry.get(WORK).status == "STOPPED"  # type: ignore[union-attr]


def test_stopping_what_is_over_is_no_failure(service: ScriptedSageMaker) -> None:
    entry = job_entry.claim(WORK, sagemaker.TRAINING, "demand-forecast-train", "mine")
    assert entry
    service.jobs[NAME] = ["Completed"]
    external_jobs.SERVICES[sagemaker.TRAINING].stop(entry, NAME)
    assert service.jobs[NAME] == ["Completed"]


def test_seconds_come_from_the_jobs_own_clock(service: ScriptedSageMaker) -> None:
    entry = job_entry.claim(WORK, sagemaker.TRAINING, "demand-forecast-train", "mine")
    assert entry
    service.jobs[NAME] = ["Completed"]
    assert external_jobs.SERVICES[sagemaker.TRAINING].look(entry).seconds == 42


def test_a_name_that_sagemaker_would_refuse_is_refused_here(account: None) -> None:
    entry = job_entry.claim("train/" + "a" * 64, sagemaker.TRAINING, "demand-forecast-train", "mine")
    assert entry
    with pytest.raises(ValueError, match="longer than the 63 characters"):
        sagemaker.job_name(entry)


@pytest.mark.parametrize(
    ("described", "reason"),
    [
        (
            {"FailureReason": "AlgorithmError: exit code: 1", "ExitMessage": "ValueError: 12 weeks"},
            "AlgorithmError: exit code: 1; ValueError: 12 weeks",
        ),
        (
            {"FailureReason": "AlgorithmError: ValueError: 12 weeks", "ExitMessage": "ValueError: 12 weeks"},
            "AlgorithmError: ValueError: 12 weeks",
        ),
        ({"FailureReason": "AlgorithmError: boom"}, "AlgorithmError: boom"),
        ({"ExitMessage": "ValueError: 12 weeks"}, "ValueError: 12 weeks"),
        ({}, "no reason given"),
    ],
)
def test_the_programs_words_are_told_beside_sagemakers(described: dict[str, str], reason: str) -> None:
    assert sagemaker.SageMakerJobs(sagemaker.Api.of("processing")).reason("evaluate-1", described) == reason


def test_a_processing_job_that_lacked_data_is_known_by_its_programs_words() -> None:
    """SageMaker's own reason has no exception in it."""
    jobs = sagemaker.SageMakerJobs(sagemaker.Api.of("processing"))
    told = {
        "FailureReason": "AlgorithmError: See job logs for more information, exit code: 1",
        "ExitMessage": "TooFewError: 80 training rows, of which 3 churned",
    }
    error = jobs._failure("evaluate-1", "Failed", told)
    assert isinstance(error, DataError)
    assert str(error).endswith("exit code: 1; TooFewError: 80 training rows, of which 3 churned")
