"""The actions of tuning jobs. Their trials are among the training jobs."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

import structlog
from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker.responses import SageMakerResponse

from local.aws.actions import Action, Overrides, refused
from local.aws.sagemaker.job import SageMakerSettings
from local.aws.sagemaker.listing import page
from local.aws.sagemaker.tuning import TrainingJobs, TuningJob
from local.aws.sagemaker.tuning_request import check_tuning_name

log = structlog.get_logger()

NOUN = "HyperParameterTuningJob"
METRIC = "FinalHyperParameterTuningJobObjectiveMetric"


def install(
    overrides: Overrides, training_jobs: TrainingJobs, settings: SageMakerSettings
) -> dict[str, TuningJob]:
    """Install the actions. Returns the tuning jobs by name."""
    actions = _TuningJobs(training_jobs, settings)
    overrides.wrap(SageMakerResponse, "create_hyper_parameter_tuning_job", actions.creating)
    for name, action in (
        ("describe_hyper_parameter_tuning_job", actions.describe),
        ("stop_hyper_parameter_tuning_job", actions.stop),
        ("list_hyper_parameter_tuning_jobs", actions.list_jobs),
        ("list_training_jobs_for_hyper_parameter_tuning_job", actions.list_trials),
    ):
        overrides.replace(SageMakerResponse, name, _method(action))
    return actions.by_name


def _method(action: Action) -> Action:
    """A function, which a class binds: a bound method would not get the response that it answers."""
    return lambda response: action(response)


class _TuningJobs:
    def __init__(self, training_jobs: TrainingJobs, settings: SageMakerSettings) -> None:
        self._training_jobs = training_jobs
        self._settings = settings
        self._lock = threading.Lock()
        self.by_name: dict[str, TuningJob] = {}

    def creating(self, record: Action) -> Action:
        def create(response: Any) -> Any:
            request = json.loads(response.body)
            name = request[f"{NOUN}Name"]
            check_tuning_name(name)
            arn = f"arn:aws:sagemaker:{response.region}:{response.current_account}:hyper-parameter-tuning-job/{name}"
            with self._lock:
                if name in self.by_name:
                    raise refused(
                        "ResourceInUse",
                        f"A hyperparameter tuning job with the name, {name}, already exists. Choose a different name.",
                    )
                job = TuningJob(request, arn, self._training_jobs, self._settings)
                answer = record(response)  # moto stores the tags
                self.by_name[name] = job
            threading.Thread(target=job.run, name=f"tuning-{name}", daemon=True).start()
            log.info("tuning_job_submitted", job=name)
            return answer

        return create

    def describe(self, response: Any) -> ActionResult:
        return ActionResult(self._found(response).description())

    def stop(self, response: Any) -> EmptyResult:
        job = self._found(response)
        if not job.stop():
            raise refused(
                "ValidationException",
                f"The request was rejected because the hyperparameter tuning job is in status {job.status}.",
            )
        return EmptyResult()

    def list_jobs(self, response: Any) -> ActionResult:
        request = {"SortBy": "Name", **json.loads(response.body or "{}")}
        return _answer(
            [job.summary() for job in list(self.by_name.values())], request, NOUN, f"{NOUN}Summaries"
        )

    def list_trials(self, response: Any) -> ActionResult:
        request = {"SortBy": "Name", **json.loads(response.body)}
        trials = self._found(response).trials()
        if request["SortBy"] == "FinalObjectiveMetricValue":
            trials = [trial for trial in trials if METRIC in trial]
        return _answer(trials, request, "TrainingJob", "TrainingJobSummaries")

    def _found(self, response: Any) -> TuningJob:
        name = json.loads(response.body)[f"{NOUN}Name"]
        job = self.by_name.get(name)
        if job is None:
            raise refused(
                "ResourceNotFound",
                f"Amazon SageMaker can't find a tuning job called {name}. Type another name.",
            )
        return job


def _answer(
    summaries: list[dict[str, Any]], request: Mapping[str, Any], noun: str, member: str
) -> ActionResult:
    by_value = request["SortBy"] == "FinalObjectiveMetricValue"
    found, token = page(summaries, request, noun, _value if by_value else None)
    return ActionResult({member: found} | ({} if token is None else {"NextToken": token}))


def _value(summary: Mapping[str, Any]) -> float:
    return float(summary[METRIC]["Value"])
