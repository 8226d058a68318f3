"""The interface of a service that runs jobs for us. tasks/jobs/external_jobs.py does the rest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from tasks.errors import HighwaterError, TransientError, from_aws
from tasks.leases.job_entry import JobEntry

Request = dict[str, Any]
_ALL_SLOTS_TAKEN = frozenset(
    {"ConcurrentRunsExceededException", "ResourceNumberLimitExceededException", "ResourceLimitExceeded"}
)
_NONE_AT_ALL = " is 0 Instances"
"""SageMaker's words for a quota that nobody has asked AWS to raise: waiting is in vain."""


class NoSlot(TransientError):
    """The service's limit of concurrent jobs is reached. Nothing was started; try again when a job ends."""


@contextmanager
def starting(what: str) -> Iterator[None]:
    """Map errors of a start to our kinds."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        answer = error.response["Error"] if isinstance(error, ClientError) else {}
        if answer.get("Code") in _ALL_SLOTS_TAKEN and _NONE_AT_ALL not in answer.get("Message", ""):
            raise NoSlot(f"{what}: {answer['Code']}: {answer.get('Message', '')}") from error
        raise from_aws(error, what) from error


@dataclass(frozen=True)
class Look:
    """The state of a job. For a job that failed, the error is one of our kinds."""

    status: Literal["RUNNING", "SUCCEEDED", "FAILED", "STOPPED"]
    failure: HighwaterError | None = None
    seconds: float | None = None


class Service(Protocol):
    """A service that runs jobs. Every method raises one of our kinds of error."""

    def start(self, entry: JobEntry, request: Request) -> str:
        """Start the attempt's job, tagged with `entry.tag`. Returns the service's id of the job.

        Raises NoSlot if it was not started because too many are running, Uncertain if it may have been started.
        """
        ...

    def find(self, entry: JobEntry) -> list[str]:
        """The jobs with the tag `entry.tag`."""
        ...

    def look(self, entry: JobEntry) -> Look:
        """The state of the job `entry.external_id`."""
        ...

    def stop(self, entry: JobEntry, external_id: str) -> None:
        """Stop a job. Stopping one that is over is not an error."""
        ...
