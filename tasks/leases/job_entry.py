"""The ledger's row of an external job: written before the job is started, so that no job can be lost.

A row's id is derived from the work (its inputs and the snapshot that it builds on), not from the flow run. A run that was
killed and a run that repeats it therefore meet at the same row, and the second takes up what the first had started.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from tasks.leases import job_list, lease, rows
from tasks.leases.lease import Leased

# PREPARING: surely nothing was started. STARTING: it may have been. RUNNING: it was, and external_id says as what.
Status = Literal["PREPARING", "STARTING", "RUNNING", "SUCCEEDED", "FAILED", "STOPPED"]


@dataclass(frozen=True, kw_only=True)
class JobEntry(Leased):
    """`id` is the work, `kind` the service that does it, `attempt` has a place of its own to write to."""

    status: Status
    external_id: str | None = None

    THING: ClassVar[str] = "job"

    @property
    def tag(self) -> str:
        """What an attempt's job is marked with, so that it is found again when nobody noted its id."""
        return f"{self.id}#{self.attempt}"


def get(work: str) -> JobEntry | None:
    return rows.get(JobEntry, work)


def claim(work: str, kind: str, name: str, owner: str) -> JobEntry | None:
    """Hold the work's row. One that succeeded is returned as it is. None: another run holds it."""
    seen = get(work)
    if seen and seen.status == "SUCCEEDED":
        return seen
    first = lease.first(JobEntry, id_=work, kind=kind, name=name, owner=owner, status="PREPARING")
    if not lease.is_free(seen, owner):
        return None
    job_list.add(owner, work)
    return lease.claim(seen, first)


def next_attempt(held: JobEntry) -> JobEntry:
    """Raises LeaseLost. Whatever the attempt before started writes elsewhere."""
    return lease.renew(held, attempt=held.attempt + 1, token=held.token + 1, status="PREPARING")


def open_jobs() -> Iterator[JobEntry]:
    """Every job that may be under way."""
    return rows.open_rows(JobEntry)


def works_done_by(kind: str) -> Iterator[str]:
    """Every work that this service does or did within a month, open or not."""
    return rows.ids_of(kind)


def jobs_of(owner: str) -> list[JobEntry]:
    """Every job that a flow run holds or held last, open or not."""
    found = (get(work) for work in job_list.works_of(owner))
    return [entry for entry in found if entry and entry.owner == owner]
