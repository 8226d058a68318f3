"""SageMaker jobs: start, find, inspect and stop them. tasks/jobs/external_jobs.py does the rest.

A job's name is derived from the work and the attempt. SageMaker refuses to use a name twice, so if a client or a new
owner repeats a start, it finds the existing job.

Uses boto3 rather than the sagemaker SDK (docs/adr/0022): its run objects cannot be created from a running job's name
alone, and importing it takes seconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tasks.errors import DataError, HighwaterError, SystemFault, aws_failures
from tasks.jobs.job_service import Look, Request, starting
from tasks.leases.job_entry import JobEntry
from tasks.services import aws

TRAINING, PROCESSING, TRANSFORM = "sagemaker-training", "sagemaker-processing", "sagemaker-transform"
TUNING = "sagemaker-tuning"
_UNDER_WAY = frozenset({"InProgress", "Stopping"})
_LONGEST_NAME = 63
_LONGEST_TUNING_NAME = 32
_DATA_ERRORS = ("DataError", "FeaturesError", "TooFewError")


def job_name(entry: JobEntry) -> str:
    """The name of an attempt's job. `entry.id` is "<step>/<hash of the work>"; where that is too long for a name, as for
    tuning jobs, a hash of the id stands for it."""
    longest, work = _LONGEST_NAME, entry.id.rpartition("/")[2]
    if entry.kind == TUNING:
        longest, work = _LONGEST_TUNING_NAME, hashlib.sha256(entry.id.encode()).hexdigest()[:16]
    name = f"{entry.name}-{work}-{entry.attempt}"
    if len(name) > longest:
        raise ValueError(f"{name} is longer than the {longest} characters that SageMaker takes")
    return name


@dataclass(frozen=True)
class Api:
    """How a kind of job is called in SageMaker's API."""

    noun: str
    field: str
    """TrainingJob: the beginning of TrainingJobName and TrainingJobStatus."""
    times: tuple[str, str]
    """The fields with its start and its end."""

    @classmethod
    def of(cls, noun: str) -> Api:
        field = noun.capitalize()
        return cls(noun, f"{field}Job", (f"{field}StartTime", f"{field}EndTime"))


class SageMakerJobs:
    """One of SageMaker's kinds of job, whose APIs differ only in their names."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._noun = api.noun.replace("_", " ")
        self._field = api.field

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
            return Look("SUCCEEDED", seconds=self._seconds(job))
        return Look("STOPPED" if status == "Stopped" else "FAILED", self._failure(name, status, job))

    def stop(self, entry: JobEntry, external_id: str) -> None:
        with aws_failures(f"stopping SageMaker {self._noun} job {external_id}"):
            try:
                self._call("stop")(**{f"{self._field}Name": external_id})
            except ClientError:
                if self.look(entry).status == "RUNNING":  # SageMaker refuses to stop a job that is over
                    raise

    def reason(self, name: str, job: dict[str, Any]) -> str:  # noqa: ARG002
        """Why the job failed. Of a processing job SageMaker only says that it did; its program's words are beside that."""
        why, words = str(job.get("FailureReason", "")), str(job.get("ExitMessage", ""))
        told = [why, words] if words not in why else [why]
        return "; ".join(filter(None, told)) or "no reason given"

    def _failure(self, name: str, status: str, job: dict[str, Any]) -> HighwaterError:
        reason = self.reason(name, job)
        what = f"SageMaker {self._noun} job {name} ended {status}: {reason}"
        if any(kind in reason for kind in _DATA_ERRORS):
            return DataError(what)
        if status == "Stopped":
            return SystemFault(f"{what}. Somebody stopped it, or it ran out of time; run it again.")
        return SystemFault(
            f"{what}. Its log in CloudWatch (locally .local/logs/sagemaker) has the whole traceback."
        )

    def _seconds(self, job: dict[str, Any]) -> float | None:
        start, end = (job.get(time) for time in self._api.times)
        return (end - start).total_seconds() if start and end else None

    def _call(self, verb: str) -> Callable[..., dict[str, Any]]:
        method: Callable[..., dict[str, Any]] = getattr(aws.sagemaker(), f"{verb}_{self._api.noun}_job")
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
