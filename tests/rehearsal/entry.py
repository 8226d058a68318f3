"""A step of the rehearsal: a command of the page, or what happens between two of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.rehearsal.scene import Scene

Act = Callable[["Scene", str], str]
"""Gets the page's command, runs it, and says what the services show of it. Whatever it raises fails the step."""


@dataclass(frozen=True)
class Entry:
    title: str
    begins: str = ""
    """How the page's commands begin; empty for what the account, a person or chance does."""
    act: Act | None = None
    lacks: str = ""
    """What only a real account can do of it, and why."""
    where: str = ""
    """What runs it instead of the rehearsal."""

    @property
    def outcome(self) -> str:
        if self.act is None:
            return "ELSEWHERE" if self.where else "NOT DONE"
        return "in part" if self.lacks else "done"


def step(title: str, begins: str, act: Act, lacks: str = "") -> Entry:
    return Entry(title, begins, act, lacks)


def own(title: str, act: Callable[[Scene], str]) -> Entry:
    return Entry(title, act=lambda scene, _: act(scene))


def not_done(title: str, begins: str, why: str) -> Entry:
    return Entry(title, begins, lacks=why)


def elsewhere(title: str, begins: str, where: str) -> Entry:
    return Entry(title, begins, where=where)
