"""Which fault comes at which call, and what became of it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal, get_args

from local.faults.call import Address

# refuse: answered as overloaded, not executed. lose: executed, the connection is cut before the answer.
# kill: executed, then the client's process is killed. pause: executed, the answer waits. hold: waits, then is executed.
# stale: executed, the answer comes late.
Kind = Literal["refuse", "lose", "kill", "pause", "hold", "stale"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class FaultNotReached(Exception):
    """The run came to its end and never made the call that the fault was for: it has shown nothing."""


@dataclass(frozen=True)
class Fault:
    kind: Kind
    at: Address
    seconds: float = 0.0
    """How late a stale answer is."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind!r} is no fault: one of {', '.join(KINDS)}")
        if self.at.nth < 1:
            raise ValueError(f"{self.at}: the first call of a name is #1")

    def __str__(self) -> str:
        return f"{self.kind} at {self.at}"


class Plan:
    """At most one fault, which comes once. `reached` and `released` are how a test and a held call wait for each other.

    `reached` says that the call is where the fault wants it: of a paused one, that it is executed.
    """

    def __init__(self, fault: Fault | None = None) -> None:
        self.fault = fault
        self.reached = threading.Event()
        self.released = threading.Event()
        self._lock = threading.Lock()
        self._taken = False

    def take(self, address: Address) -> Fault | None:
        """The fault, for the call that it is for."""
        with self._lock:
            if self.fault is None or self._taken or self.fault.at != address:
                return None
            self._taken = True
            return self.fault

    def stop_here(self, seconds: float) -> None:
        """The call waits until it is released, or for so long."""
        self.reached.set()
        self.released.wait(seconds)

    @property
    def is_stopped(self) -> bool:
        return self.reached.is_set() and not self.released.is_set()

    def release(self) -> None:
        self.released.set()

    def require_reached(self) -> None:
        if self.fault is not None and not self._taken:
            raise FaultNotReached(
                f"{self.fault}: the run made no such call. Record the run and take the name from there."
            )
