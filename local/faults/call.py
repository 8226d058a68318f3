"""One request to the cloud, named so that the same request of another run has the same name."""

from __future__ import annotations

import re
from dataclasses import dataclass

# What differs between two runs of the same work: ids, hashes, snapshot numbers, moments.
_OF_A_RUN = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|(?<![0-9A-Za-z])[0-9a-fA-F]*[0-9][0-9a-fA-F]{7,}(?![0-9A-Za-z])|[0-9]{9,}",
)


@dataclass(frozen=True)
class Address:
    """Service, action and key name a call; `nth` tells calls of the same name apart."""

    service: str
    action: str
    key: str
    nth: int = 1

    def __str__(self) -> str:
        return f"{self.service} {self.action} {self.key} #{self.nth}"


@dataclass(frozen=True)
class Call:
    service: str
    action: str
    key: str
    mutating: bool
    """Whether it changes anything that another call can see."""
    heartbeat: bool = False
    """Sent because time went by, not because the run came to a step: how many there are is chance."""

    @property
    def name(self) -> tuple[str, str, str]:
        return self.service, self.action, self.key


def masked(key: str) -> str:
    return _OF_A_RUN.sub("*", key)
