"""Turns at a thing that runs change: one run at a time has the turn, the others wait.

Who has the turn renews its lease by a heartbeat. The turn of a run whose process is gone is free once the lease has expired.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from tasks.errors import BusinessError, HighwaterError
from tasks.events import log
from tasks.leases import lease, rows
from tasks.leases.heartbeat import Heartbeat
from tasks.leases.lease import Leased

_KIND = "turn"
_PREFIX = "turn/"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 5.0


@dataclass(frozen=True, kw_only=True)
class TurnRow(Leased):
    status: Literal["RUNNING", "ENDED"]

    THING: ClassVar[str] = "turn"


class Turn:
    """A turn that is held, and kept by a heartbeat."""

    def __init__(self, row: TurnRow) -> None:
        self._row = row
        self._renewing = threading.Lock()
        self._heartbeat = Heartbeat(
            self.require, name=f"turn at {row.name}", of="the turn", lost="another run has taken the turn"
        )

    def require(self) -> None:
        """Renew the lease. Raises LeaseLost if another run has the turn by now: nothing may be changed then."""
        with self._renewing:
            self._row = lease.renew(self._row)

    def end(self) -> None:
        self._heartbeat.stop()
        try:
            rows.swap(self._row, replace(self._row, status="ENDED"))
        except HighwaterError as error:  # it expires by itself, and how the work ended is not to be hidden
            log("the turn could not be ended: it will expire", level=logging.WARNING, error=error)


@contextmanager
def held(thing: str, owner: str, patience: float) -> Iterator[Turn]:
    """Have the turn at a thing. Waits for it for so many seconds, then raises BusinessError."""
    turn = Turn(_claimed(thing, owner, patience))
    try:
        yield turn
    finally:
        turn.end()


def _claimed(thing: str, owner: str, patience: float) -> TurnRow:
    id_, pause, deadline = f"{_PREFIX}{thing}", _FIRST_PAUSE, time.monotonic() + patience
    first = lease.first(TurnRow, id_=id_, kind=_KIND, name=thing, owner=owner, status="RUNNING")
    while True:
        seen = rows.get(TurnRow, id_)
        if row := lease.claim(seen, replace(first, lease_expires_at=lease.expiry())):
            return row
        if seen is not None and time.monotonic() > deadline:
            raise BusinessError(
                f"{thing} is being changed by run {seen.owner}, and was still after {patience / 60:g} minutes. Nothing was "
                "changed: let that run end, then run again."
            )
        if pause == _FIRST_PAUSE:
            log("another run has the turn: waiting", thing=thing, owner=seen and seen.owner)
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
