"""The ledger's row of an external job, written before the job is started, so that no job can be lost.

A row's id is derived from the work (its inputs and the snapshot that it builds on), not from the flow run. A run that
repeats a killed one therefore finds the same row, and resumes the job that the first run started.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from tasks.leases import job_list, lease, rows
from tasks.leases.lease import Leased

# PREPARING: nothing was started. STARTING: a job may have been started. RUNNING: it was, and external_id is its id.
Status = Literal["PREPARING", "STARTING", "RUNNING", "SUCCEEDED", "FAILED", "STOPPED"]


@dataclass(frozen=True, kw_only=True)
class JobEntry(Leased):
    """One job. `id` identifies the work, `kind` the service that does it. Each `attempt` writes to its own folder."""

    status: Status
    external_id: str | None = None

    THING: ClassVar[str] = "job"

    @property
    def tag(self) -> str:
        """The tag of an attempt's job, by which it is found if its id was never recorded."""
        return f"{self.id}#{self.attempt}"


def get(work: str) -> JobEntry | None:
    return rows.get(JobEntry, work)


def claim(work: str, kind: str, name: str, owner: str) -> JobEntry | None:
    """Claim the row of the work. A row that succeeded is returned unchanged. None if another run holds it."""
    seen = get(work)
    if seen and seen.status == "SUCCEEDED":
        return seen
    first = lease.first(JobEntry, id_=work, kind=kind, name=name, owner=owner, status="PREPARING")
    if not lease.is_free(seen, owner):
        return None
    job_list.add(owner, work)
    return lease.claim(seen, first)


def next_attempt(held: JobEntry) -> JobEntry:
    """Move the row to its next attempt, which writes elsewhere than the previous one. Raises LeaseLost."""
    return lease.renew(held, attempt=held.attempt + 1, token=held.token + 1, status="PREPARING")


def open_jobs() -> Iterator[JobEntry]:
    """All jobs that may be running."""
    return rows.open_rows(JobEntry)


def works_done_by(kind: str) -> Iterator[str]:
    """All works that this service has done or started within a month."""
    return rows.ids_of(kind)


def jobs_of(owner: str) -> list[JobEntry]:
    """All jobs that a flow run holds or was the last to hold."""
    found = (get(work) for work in job_list.works_of(owner))
    return [entry for entry in found if entry and entry.owner == owner]
