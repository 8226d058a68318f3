"""SageMaker jobs: start, find, inspect and stop them. tasks/jobs/external_jobs.py does the rest.

A job's name is derived from the work and the attempt. SageMaker refuses to use a name twice, so if a client or a new
owner repeats a start, it finds the existing job.

Uses boto3 rather than the sagemaker SDK (docs/adr/0022): its run objects cannot be created from a running job's name
alone, and importing it takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from botocore.exceptions import ClientError

from tasks.errors import DataError, HighwaterError, SystemFault, aws_failures
from tasks.jobs.job_service import Look, Request, starting
from tasks.leases.job_entry import JobEntry
from tasks.services import aws

Noun = Literal["training", "processing", "transform"]
TRAINING, PROCESSING, TRANSFORM = "sagemaker-training", "sagemaker-processing", "sagemaker-transform"
_UNDER_WAY = frozenset({"InProgress", "Stopping"})
_LONGEST_NAME = 63
_DATA_ERRORS = ("DataError", "FeaturesError")


def job_name(entry: JobEntry) -> str:
    """The name of an attempt's job. `entry.id` is "<step>/<hash of the work>"."""
    name = f"{entry.name}-{entry.id.rpartition('/')[2]}-{entry.attempt}"
    if len(name) > _LONGEST_NAME:
        raise ValueError(f"{name} is longer than the {_LONGEST_NAME} characters that SageMaker takes")
    return name


class SageMakerJobs:
    """One of SageMaker's three kinds of job, whose APIs differ only in the noun."""

    def __init__(self, noun: Noun) -> None:
        self._noun = noun
        self._field = f"{noun.capitalize()}Job"

    def start(self, entry: JobEntry, request: Request) -> str:
        name = job_name(entry)
        with starting(f"starting SageMaker {self._noun} job {name}"):
            try:
                self._call("create")(**{**request, f"{self._field}Name": name})
            except ClientError as error:
                if not _is_in_use(error):
                    raise
        return name

    def find(self, entry: JobEntry) -> list[str]:
        name = job_name(entry)
        with aws_failures(f"looking for SageMaker {self._noun} job {name}"):
            try:
                self._call("describe")(**{f"{self._field}Name": name})
            except ClientError as error:
                if _is_missing(error):
                    return []
                raise
        return [name]

    def look(self, entry: JobEntry) -> Look:
        name = entry.external_id or job_name(entry)
        with aws_failures(f"looking at SageMaker {self._noun} job {name}"):
            job = self._call("describe")(**{f"{self._field}Name": name})
        status = job[f"{self._field}Status"]
        if status in _UNDER_WAY:
            return Look("RUNNING")
        if status == "Completed":
            return Look("SUCCEEDED", seconds=_seconds(self._noun, job))
        return Look("STOPPED" if status == "Stopped" else "FAILED", _failure(self._noun, name, status, job))

    def stop(self, entry: JobEntry, external_id: str) -> None:
        with aws_failures(f"stopping SageMaker {self._noun} job {external_id}"):
            try:
                self._call("stop")(**{f"{self._field}Name": external_id})
            except ClientError:
                if self.look(entry).status == "RUNNING":  # SageMaker refuses to stop a job that is over
                    raise

    def _call(self, verb: str) -> Callable[..., dict[str, Any]]:
        method: Callable[..., dict[str, Any]] = getattr(aws.sagemaker(), f"{verb}_{self._noun}_job")
        return method


def _is_in_use(error: ClientError) -> bool:
    return error.response["Error"]["Code"] == "ResourceInUse"


def _is_missing(error: ClientError) -> bool:
    """Whether the job does not exist: ResourceNotFound from DescribeProcessingJob, ValidationException from the others."""
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    missing = "not found" in message.lower() or "could not find" in message.lower()
    return code in ("ResourceNotFound", "ResourceNotFoundException") or (
        code == "ValidationException" and missing
    )


def _seconds(noun: str, job: dict[str, Any]) -> float | None:
    start, end = (job.get(f"{noun.capitalize()}{which}Time") for which in ("Start", "End"))
    return (end - start).total_seconds() if start and end else None


def _failure(noun: str, name: str, status: str, job: dict[str, Any]) -> HighwaterError:
    reason = job.get("FailureReason") or job.get("ExitMessage") or "no reason given"
    what = f"SageMaker {noun} job {name} ended {status}: {reason}"
    if any(kind in reason for kind in _DATA_ERRORS):
        return DataError(what)
    if status == "Stopped":
        return SystemFault(f"{what}. Somebody stopped it, or it ran out of time; run the forecast again.")
    return SystemFault(
        f"{what}. Its log in CloudWatch (locally .local/logs/sagemaker) has the whole traceback."
    )
