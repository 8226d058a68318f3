"""Whether a run of a flow is alive: it says so itself, in the ledger, as long as its process breathes.

Prefect learns of a process that was killed only where a worker watches it. A run whose lease has run out is over, whatever
its state says. Several may notice one death: the process itself while it is terminated, Prefect's hooks, the recovery of
crashes, the next run. All of them ask `first_to_tell`, so that people are told once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

from tasks.errors import BusinessError, HighwaterError
from tasks.events import log
from tasks.leases import ledger
from tasks.leases.ledger import Entry, LeaseLost
from tasks.settings import settings

KIND = "run"
_PREFIX = "run/"
_TOLD = "told/"


class AlreadyExecuted(BusinessError):
    """The same run, in two processes: the second leaves everything to the first."""


class Breath:
    """Renews the row of a run, from a thread, until the run ends."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self.holder = entry.holder
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="run lease", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """The run is over, and people were told whatever there was to tell."""
        self._stopped.set()
        self._thread.join()
        close(self._entry)

    def _renew(self) -> None:
        while not self._stopped.wait(ledger.heartbeat_seconds()):
            try:
                self._entry = ledger.renew(self._entry)
            except LeaseLost as lost:
                log("the run was taken for dead, or was closed", level=logging.WARNING, error=lost)
                return
            except HighwaterError as error:
                log("the run's lease could not be renewed, trying again", level=logging.WARNING, error=error)


def begin(run_id: str, name: str, owner: str | None = None) -> Breath:
    """`name` is what people know the run by; `owner` the run that it is a part of, which dies with it."""
    owner = owner or run_id
    patience = settings().lease_seconds * 1.5  # the same run, taken up after its process was killed
    while (held := ledger.claim(f"{_PREFIX}{run_id}", KIND, name, owner)) is None:
        if patience <= 0:
            raise AlreadyExecuted(
                f"run {run_id} ({name}) is being executed by another process. Let it end, then run again if need be."
            )
        time.sleep(ledger.heartbeat_seconds())
        patience -= ledger.heartbeat_seconds()
    return Breath(held)


def first_heard_of(run_id: str, name: str) -> Entry | None:
    """The row of a run that never began, held by the caller; None for a run that has one already."""
    if ledger.get(f"{_PREFIX}{run_id}"):
        return None
    return ledger.claim(f"{_PREFIX}{run_id}", KIND, name, run_id)


def unfinished(run_id: str) -> Entry | None:
    """The row of a run that did not close it itself."""
    seen = ledger.get(f"{_PREFIX}{run_id}")
    return seen if seen and seen.is_open else None


def forsaken() -> Iterator[Entry]:
    """The rows of runs whose process is gone."""
    return (entry for entry in ledger.open_entries() if entry.kind == KIND and entry.seconds_left <= 0)


def holder_of(run_id: str) -> str | None:
    """The process that executes the run, or did last."""
    seen = ledger.get(f"{_PREFIX}{run_id}")
    return seen.holder if seen else None


def first_to_tell(holder: str) -> bool:
    """Whether people are still to be told that this process came to its end."""
    return ledger.once(f"{_TOLD}{holder}", holder)


def is_told(holder: str) -> bool:
    return ledger.is_done(f"{_TOLD}{holder}")


def run_id_of(entry: Entry) -> str:
    return entry.id.removeprefix(_PREFIX)


def close(held: Entry, holder: str | None = None) -> None:
    """`holder` is who executed the run, where another one closes its row."""
    if not ledger.swap(held, replace(held, status="STOPPED", holder=holder or held.holder)):
        log("the run's row was closed by another", run=run_id_of(held))
