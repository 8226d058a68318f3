"""SageMaker job actions backed by local processes: Create runs a job, Stop kills it, Describe and List show it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker.responses import SageMakerResponse

from local.aws.actions import Action, Overrides, refused
from local.aws.job_runner import CannotRunError, JobRunner, Outcome, Result
from local.aws.sagemaker import models, tuning_service
from local.aws.sagemaker.job import SageMakerJob, SageMakerSettings
from local.aws.sagemaker.listing import page
from local.aws.sagemaker.processing import ProcessingJob
from local.aws.sagemaker.requests import check_name
from local.aws.sagemaker.training import TrainingJob
from local.aws.sagemaker.transform import TransformJob

log = structlog.get_logger()

Create = Callable[[Any, Mapping[str, Any], str], SageMakerJob]


def install(overrides: Overrides, runner: JobRunner, settings: SageMakerSettings) -> list[dict[str, Any]]:
    """Install the actions. Returns the jobs by name, one dictionary per kind of job."""

    def training(_: Any, request: Mapping[str, Any], arn: str) -> SageMakerJob:
        return TrainingJob(request, arn, settings)

    def processing(_: Any, request: Mapping[str, Any], arn: str) -> SageMakerJob:
        return ProcessingJob(request, arn, settings)

    def transform(response: Any, request: Mapping[str, Any], arn: str) -> SageMakerJob:
        return TransformJob(request, arn, models.container_of(response, request["ModelName"]), settings)

    kinds = [
        _Jobs("training", "TrainingJob", training, runner),
        _Jobs("processing", "ProcessingJob", processing, runner),
        _Jobs("transform", "TransformJob", transform, runner),
    ]
    for kind in kinds:
        kind.install(overrides)
    tuning_jobs = tuning_service.install(overrides, kinds[0], settings)
    models.install(overrides)
    return [*(kind.by_name for kind in kinds), tuning_jobs]


class _Jobs:
    """The actions of one kind of job, and its jobs by name."""

    def __init__(self, kind: str, noun: str, create: Create, runner: JobRunner) -> None:
        self._kind = kind
        self._noun = noun
        self._create = create
        self._runner = runner
        self._lock = threading.Lock()
        self.by_name: dict[str, SageMakerJob] = {}

    def install(self, overrides: Overrides) -> None:
        overrides.wrap(SageMakerResponse, f"create_{self._kind}_job", self._creating)
        overrides.replace(SageMakerResponse, f"describe_{self._kind}_job", self._describing())
        overrides.replace(SageMakerResponse, f"stop_{self._kind}_job", self._stopping())
        overrides.replace(SageMakerResponse, f"list_{self._kind}_jobs", self._listing())

    def _creating(self, record: Action) -> Action:
        def create(response: Any) -> Any:
            request = json.loads(response.body)
            name = request[f"{self._noun}Name"]
            check_name(f"{self._noun}Name", name)
            arn = f"arn:aws:sagemaker:{response.region}:{response.current_account}:{self._kind}-job/{name}"
            with self._lock:
                if name in self.by_name:
                    raise refused(
                        "ResourceInUse",
                        f"Job name must be unique within an AWS account and region, and a {self._kind} job with "
                        f"this name already exists ({arn})",
                    )
                job = self._create(response, request, arn)
                answer = record(response)  # moto stores the tags
                self.by_name[name] = job
            self._submit(job)
            return answer

        return create

    def start(self, job: SageMakerJob) -> None:
        """Start a job that no request created: a trial of a tuning job."""
        with self._lock:
            self.by_name[job.name] = job
        self._submit(job)

    def stop(self, job: SageMakerJob) -> bool:
        """Kill a job's processes. Returns False if it has already ended."""
        if not job.stopping():
            return False
        self._runner.stop(job.job_id)
        return True

    @property
    def closing(self) -> bool:
        return self._runner.closing

    def _submit(self, job: SageMakerJob) -> None:
        log.info("sagemaker_job_submitted", job=job.job_id)
        try:
            self._runner.submit(job)
        except CannotRunError as error:
            job.ended(Outcome(Result.FAILED, str(error)))

    def _describing(self) -> Action:
        def describe(response: Any) -> ActionResult:
            return ActionResult(self._found(response).description())

        return describe

    def _stopping(self) -> Action:
        def stop(response: Any) -> EmptyResult:
            job = self._found(response)
            if not self.stop(job):
                raise refused(
                    "ValidationException",
                    f"The request was rejected because the {self._kind} job is in status {job.status}.",
                )
            return EmptyResult()

        return stop

    def _listing(self) -> Action:
        def list_jobs(response: Any) -> ActionResult:
            summaries = [job.summary() for job in list(self.by_name.values())]
            found, token = page(summaries, json.loads(response.body or "{}"), self._noun)
            answer: dict[str, Any] = {f"{self._noun}Summaries": found}
            if token is not None:
                answer["NextToken"] = token
            return ActionResult(answer)

        return list_jobs

    def _found(self, response: Any) -> SageMakerJob:
        name = json.loads(response.body)[f"{self._noun}Name"]
        job = self.by_name.get(name)
        if job is None:
            raise refused("ValidationException", f"Requested resource not found: {self._kind} job {name!r}.")
        return job
