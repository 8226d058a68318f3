"""What a service that runs jobs for us must be able to do. tasks/jobs/external_jobs.py does the rest."""

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
    """As many jobs are running as may run at once. Nothing was started; when one of them ends, it can be."""


@contextmanager
def starting(what: str) -> Iterator[None]:
    """Failures of a start as our kinds."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        answer = error.response["Error"] if isinstance(error, ClientError) else {}
        if answer.get("Code") in _ALL_SLOTS_TAKEN and _NONE_AT_ALL not in answer.get("Message", ""):
            raise NoSlot(f"{what}: {answer['Code']}: {answer.get('Message', '')}") from error
        raise from_aws(error, what) from error


@dataclass(frozen=True)
class Look:
    """What a service says about a job now. A job that did not succeed says why, as one of our kinds of error."""

    status: Literal["RUNNING", "SUCCEEDED", "FAILED", "STOPPED"]
    failure: HighwaterError | None = None
    seconds: float | None = None


class Service(Protocol):
    """Every method raises one of our kinds of error."""

    def start(self, entry: JobEntry, request: Request) -> str:
        """Start the attempt's job, marked with `entry.tag`. Returns the id by which the service knows it.

        Raises NoSlot when it was not started because too many are running, Uncertain when it may have been started.
        """
        ...

    def find(self, entry: JobEntry) -> list[str]:
        """The jobs that bear `entry.tag`."""
        ...

    def look(self, entry: JobEntry) -> Look:
        """How far the job `entry.external_id` is."""
        ...

    def stop(self, entry: JobEntry, external_id: str) -> None:
        """Stopping a job that is over is no failure."""
        ...
