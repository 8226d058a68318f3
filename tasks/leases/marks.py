"""Marks: if several processes notice the same event, only the first one acts on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar
from uuid import uuid4

from tasks.leases import rows
from tasks.leases.rows import Row

DONE, NOT_DONE = "DONE", "NOT_DONE"
_DONE = frozenset({DONE, "SUCCEEDED"})  # the status in earlier releases


@dataclass(frozen=True, kw_only=True)
class Mark(Row):
    by: str | None = None
    nonce: str | None = None
    """Two who write the same mark at once must not take one row for their own."""

    THING: ClassVar[str] = "mark"

    @property
    def is_done(self) -> bool:
        return self.status in _DONE


def once(what: str, by: str) -> bool:
    """True for the first caller of all processes, False for every other one."""
    seen = rows.get(Mark, what)
    if seen and seen.is_done:
        return False
    token = seen.token + 1 if seen else 1
    return rows.swap(seen, Mark(id=what, token=token, status=DONE, by=by, nonce=uuid4().hex))


def is_done(what: str) -> bool:
    seen = rows.get(Mark, what)
    return seen is not None and seen.is_done


def not_after_all(what: str) -> None:
    """Remove the mark, because its owner failed to act: the next caller is the first again."""
    if seen := rows.get(Mark, what):
        rows.swap(seen, replace(seen, token=seen.token + 1, status=NOT_DONE))
