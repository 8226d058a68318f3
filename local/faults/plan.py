"""The fault to inject, the call to inject it at, and whether that call was made."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal, get_args

from local.faults.call import Address

# refuse: answer "overloaded", do not execute. lose: execute, cut the connection before the response.
# kill: execute, then kill the client process. pause: execute, hold the response back. hold: wait, then execute.
# stale: execute, respond late.
Kind = Literal["refuse", "lose", "kill", "pause", "hold", "stale"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class FaultNotReached(Exception):
    """The run ended without making the call that the fault was planned for, so the test proves nothing."""


@dataclass(frozen=True)
class Fault:
    kind: Kind
    at: Address
    seconds: float = 0.0
    """Delay of a stale response."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind!r} is no fault: one of {', '.join(KINDS)}")
        if self.at.nth < 1:
            raise ValueError(f"{self.at}: the first call of a name is #1")

    def __str__(self) -> str:
        return f"{self.kind} at {self.at}"


class Plan:
    """At most one fault, injected once. A test and a stopped call synchronise through `reached` and `released`.

    `reached` is set when the call has stopped where the fault stops it: a paused call has then been executed.
    """

    def __init__(self, fault: Fault | None = None) -> None:
        self.fault = fault
        self.reached = threading.Event()
        self.released = threading.Event()
        self._lock = threading.Lock()
        self._taken = False

    def take(self, address: Address) -> Fault | None:
        """Return the fault if it is planned for this call and was not injected yet."""
        with self._lock:
            if self.fault is None or self._taken or self.fault.at != address:
                return None
            self._taken = True
            return self.fault

    def stop_here(self, seconds: float) -> None:
        """Block the call until `release`, or until the timeout."""
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
