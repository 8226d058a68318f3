"""The lease of a flow run: its process renews it by a heartbeat, so an expired lease means that the process is gone.

Prefect notices a killed process only if a worker watches it. A run whose lease has expired is over, whatever its state
in Prefect. Several processes may notice one crash: the dying process itself, Prefect's hooks, crash recovery, and the
next run. All of them ask `first_to_notify`, so that people are notified once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from tasks.errors import BusinessError
from tasks.events import log
from tasks.leases import lease, marks, rows
from tasks.leases.heartbeat import Heartbeat
from tasks.leases.lease import Leased
from tasks.settings import settings

_KIND = "run"
_PREFIX = "run/"
_NOTIFIED = "told/"
End = Literal["COMPLETED", "FAILED", "CANCELLED", "CRASHED"]
# The last two are of earlier releases: open, and closed.
Status = Literal["RUNNING", End, "PREPARING", "STOPPED"]


class AlreadyExecuted(BusinessError):
    """A second process executes the same run. It must leave everything to the first."""


@dataclass(frozen=True, kw_only=True)
class RunLease(Leased):
    status: Status

    THING: ClassVar[str] = "run"

    @property
    def run_id(self) -> str:
        return self.id.removeprefix(_PREFIX)


class Begun:
    """A run that has begun: its lease is renewed until it ends."""

    def __init__(self, held: RunLease) -> None:
        self._held = held
        self.process = held.process
        self._heartbeat = Heartbeat(
            self._renew,
            name="run lease",
            of="the run's lease",
            lost="the run was marked as crashed, or was closed",
        )

    def end(self, status: End) -> None:
        """Stop the heartbeat and close the row. Called after people were notified."""
        self._heartbeat.stop()
        close(self._held, status)

    def _renew(self) -> None:
        self._held = lease.renew(self._held)


def claim(run_id: str, name: str, owner: str) -> RunLease | None:
    """Claim the lease of a run. None if another process executes it."""
    first = lease.first(
        RunLease, id_=f"{_PREFIX}{run_id}", kind=_KIND, name=name, owner=owner, status="RUNNING"
    )
    return lease.claim(_get(run_id), first)


def begin(run_id: str, name: str, owner: str | None = None) -> Begun:
    """Claim the lease of a run and start its heartbeat. `owner` is the parent run, whose end also ends this run."""
    patience = settings().lease_seconds * 1.5  # the same run, resumed after its process was killed
    while (held := claim(run_id, name, owner or run_id)) is None:
        if patience <= 0:
            raise AlreadyExecuted(
                f"run {run_id} ({name}) is being executed by another process. Let it end, then run again if need be."
            )
        time.sleep(lease.heartbeat_seconds())
        patience -= lease.heartbeat_seconds()
    return Begun(held)


def never_begun(run_id: str, name: str) -> RunLease | None:
    """A row for a run that never began, held by the caller. None if the run has a row already."""
    return None if _get(run_id) else claim(run_id, name, run_id)


def unfinished(run_id: str) -> RunLease | None:
    """The row of a run that ended without closing it. None if there is none."""
    seen = _get(run_id)
    return seen if seen and seen.is_open else None


def expired() -> Iterator[RunLease]:
    """The rows of runs whose process is gone. A row that is not in the index yet is left to the next run."""
    return (seen for seen in rows.open_rows(RunLease) if seen.seconds_left <= 0)


def process_of(run_id: str) -> str | None:
    """The process that executes the run, or was the last to do so."""
    seen = _get(run_id)
    return seen.process if seen else None


def first_to_notify(process: str) -> bool:
    """True for the first caller only: that one notifies people of the end of this process."""
    return marks.once(f"{_NOTIFIED}{process}", process)


def is_notified(process: str) -> bool:
    return marks.is_done(f"{_NOTIFIED}{process}")


def close(held: RunLease, status: End, process: str | None = None) -> None:
    """Close the row. `process` is the process that executed the run, if another one closes the row."""
    if not rows.swap(held, replace(held, status=status, process=process or held.process)):
        log("the run's row was closed by another", run=held.run_id, status=status)


def _get(run_id: str) -> RunLease | None:
    return rows.get(RunLease, f"{_PREFIX}{run_id}")
