"""A lease on a row: whoever works on it holds it, and renews the lease while he works.

Only when the lease has expired may another take the row over. Every write is a compare-and-swap on the row as its writer
last saw it, and a new owner raises the row's token: one that slept through its lease learns so from its next write, and must
not start or note anything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar
from uuid import uuid4

from tasks.errors import TransientError
from tasks.leases import rows
from tasks.leases.rows import Row, stored_as
from tasks.settings import settings

HEARTBEATS_A_LEASE = 4
_OPEN = frozenset({"PREPARING", "STARTING", "RUNNING"})
_PROCESS = uuid4().hex[:12]


class LeaseLost(TransientError):
    """Another run holds the row now, or somebody closed it: what this one was about to do is no longer its to do."""


@dataclass(frozen=True, kw_only=True)
class Leased(Row):
    kind: str
    name: str
    """What people know it by."""
    owner: str
    """The flow run that holds the lease."""
    process: str = stored_as("holder")
    """The process that works for the owner: the same flow run may be executed by two."""
    attempt: int
    lease_expires_at: float

    CHANGING: ClassVar[tuple[str, ...]] = ("token", "status", "lease_expires_at")

    @property
    def is_open(self) -> bool:
        return self.status in _OPEN

    @property
    def seconds_left(self) -> float:
        return self.lease_expires_at - rows.now()

    def is_held_by(self, owner: str) -> bool:
        return self.process == process_of(owner)


L = TypeVar("L", bound=Leased)


def heartbeat_seconds() -> float:
    return settings().lease_seconds / HEARTBEATS_A_LEASE


def process_of(owner: str) -> str:
    """This process, as one that works for a flow run."""
    return f"{owner}@{_PROCESS}"


def expiry() -> float:
    return round(rows.now() + settings().lease_seconds, 3)


def first(row: type[L], *, id_: str, kind: str, name: str, owner: str, status: str) -> L:
    """The row as a first attempt writes it."""
    return row(
        id=id_,
        kind=kind,
        name=name,
        owner=owner,
        process=process_of(owner),
        attempt=1,
        token=1,
        status=status,
        lease_expires_at=expiry(),
    )


def is_free(seen: Leased | None, owner: str) -> bool:
    """Whether the row is there for a flow run to hold."""
    return seen is None or not seen.is_open or seen.is_held_by(owner) or seen.seconds_left <= 0


def claim(seen: L | None, first: L) -> L | None:
    """Hold a row: a new one, the next attempt of a closed one, or one whose owner let its lease expire.

    `first` is the row as a first attempt writes it. None: another run holds it, or was faster; look again in a while.
    """
    if not is_free(seen, first.owner):
        return None
    if seen is None:
        wanted = first
    elif seen.is_open:
        wanted = _taken(seen, first.owner)
    else:
        wanted = replace(first, attempt=seen.attempt + 1, token=seen.token + 1)
    return wanted if rows.swap(seen, wanted) else None


def take_over(seen: L, owner: str) -> L | None:
    """Hold a row as it is, whoever held it: its owner is known to be gone, or its lease has expired."""
    wanted = _taken(seen, owner)
    return wanted if rows.swap(seen, wanted) else None


def renew(held: L, **changes: Any) -> L:
    """Still ours, for another lease; with what there is to note. Raises LeaseLost when it is not."""
    wanted = replace(held, lease_expires_at=expiry(), **changes)
    if not rows.swap(held, wanted):
        raise LeaseLost(
            f"ledger row {held.id}: flow run {held.owner} no longer holds attempt {held.attempt}. Another run has "
            "taken it over or closed it; run again if nobody did."
        )
    return wanted


def _taken(seen: L, owner: str) -> L:
    return replace(
        seen, owner=owner, process=process_of(owner), token=seen.token + 1, lease_expires_at=expiry()
    )
