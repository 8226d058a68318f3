"""A request to the cloud, with a name that is the same in every run of the same work."""

from __future__ import annotations

import re
from dataclasses import dataclass

# What differs between two runs of the same work: ids, hashes, snapshot numbers, timestamps.
_OF_A_RUN = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|(?<![0-9A-Za-z])[0-9a-fA-F]*[0-9][0-9a-fA-F]{7,}(?![0-9A-Za-z])|[0-9]{9,}",
)


@dataclass(frozen=True)
class Address:
    """The address of a call: service, action and key are its name, `nth` counts the calls with this name."""

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
    """Whether the call changes anything that other calls can see."""
    heartbeat: bool = False
    """Whether the call is sent periodically, not by a step of the run. The number of such calls varies from run to run."""

    @property
    def name(self) -> tuple[str, str, str]:
        return self.service, self.action, self.key


def masked(key: str) -> str:
    return _OF_A_RUN.sub("*", key)
