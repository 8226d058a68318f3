"""What a service that runs jobs for us must be able to do. tasks/external_jobs.py does the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from tasks.errors import HighwaterError
from tasks.ledger import Entry

Request = dict[str, Any]


@dataclass(frozen=True)
class Look:
    """What a service says about a job now. A job that did not succeed says why, as one of our kinds of error."""

    status: Literal["RUNNING", "SUCCEEDED", "FAILED", "STOPPED"]
    failure: HighwaterError | None = None
    seconds: float | None = None


class Service(Protocol):
    """Every method raises one of our kinds of error."""

    def start(self, entry: Entry, request: Request) -> str:
        """Start the attempt's job, marked with `entry.tag`. Returns the id by which the service knows it."""
        ...

    def find(self, entry: Entry) -> list[str]:
        """The jobs that bear `entry.tag`."""
        ...

    def look(self, entry: Entry) -> Look:
        """How far the job `entry.external_id` is."""
        ...

    def stop(self, entry: Entry, external_id: str) -> None:
        """Stopping a job that is over is no failure."""
        ...
