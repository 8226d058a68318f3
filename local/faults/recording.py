"""The calls of a run in order, and the difference between two runs of the same work."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field

from local.faults.call import Address, Call


@dataclass(frozen=True)
class Recorded:
    address: Address
    call: Call

    def __str__(self) -> str:
        kind = "heartbeat" if self.call.heartbeat else "writes" if self.call.mutating else "reads"
        return f"{kind:9} {self.address}"


@dataclass
class Recording:
    calls: list[Recorded] = field(default_factory=list)
    _seen: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, call: Call) -> Address:
        """Record a call and return its address. Heartbeats are counted separately: their number varies from run to run."""
        with self._lock:
            name = call.name if not call.heartbeat else (call.service, "heartbeat", call.key)
            self._seen[name] += 1
            address = Address(*name, nth=self._seen[name])
            self.calls.append(Recorded(address, call))
            return address

    @property
    def mutating(self) -> list[Address]:
        return [entry.address for entry in self.calls if entry.call.mutating]

    @property
    def between_transactions(self) -> list[Address]:
        """The writing Snowflake statements outside of transactions, and the first one of each transaction.

        Assumes that the sessions run one after another.
        """
        found, is_first, is_within = [], False, False
        for entry in self.calls:
            if entry.address.service != "snowflake":
                continue
            if entry.address.action in ("BEGIN", "START TRANSACTION"):
                is_first = is_within = True
            elif entry.address.action in ("COMMIT", "ROLLBACK"):
                is_within = False
            elif entry.call.mutating and (is_first or not is_within):
                found.append(entry.address)
                is_first = False
        return found

    def differs_from(self, other: Recording) -> set[Address]:
        """The calls that only one of the two runs made. A fault at such a call may not be reached."""
        mine, theirs = ({e.address for e in r.calls if not e.call.heartbeat} for r in (self, other))
        return mine ^ theirs
