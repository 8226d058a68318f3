"""A lease on a row: the owner of the row holds it and renews it while working.

Another process may take the row over only after the lease has expired. Every write is a compare-and-swap on the row as
the writer last saw it, and a new owner increments the row's token. An owner whose lease expired while it was paused
learns so from its next write, and must not start or record anything.
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
    """Another run has taken the row over, or the row was closed: this process must stop working on it."""


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
    """An id of this process as the executor of a flow run."""
    return f"{owner}@{_PROCESS}"


def expiry() -> float:
    return round(rows.now() + settings().lease_seconds, 3)


def first(row: type[L], *, id_: str, kind: str, name: str, owner: str, status: str) -> L:
    """The row as its first attempt writes it."""
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
    """Whether a flow run may claim the row."""
    return seen is None or not seen.is_open or seen.is_held_by(owner) or seen.seconds_left <= 0


def claim(seen: L | None, first: L) -> L | None:
    """Claim a row: a new one, the next attempt of a closed one, or one whose lease has expired.

    `first` is the row to write if there is none. None if another run holds the row or was faster; try again later.
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
    """Claim a row as it is from an owner that is known to be gone or whose lease has expired."""
    wanted = _taken(seen, owner)
    return wanted if rows.swap(seen, wanted) else None


def renew(held: L, **changes: Any) -> L:
    """Renew the lease, and record the given changes. Raises LeaseLost if the row is no longer ours."""
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
