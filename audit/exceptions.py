"""audit/exceptions.toml: advisories that we live with, each with its reason and the day until which that is enough."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from audit.locks import Advisory


@dataclass(frozen=True)
class Explained:
    id: str
    package: str
    reason: str
    until: date

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise ValueError(f"{self.id} of {self.package} has no reason")

    def covers(self, advisory: Advisory) -> bool:
        return self.package == advisory.package and self.id in advisory.ids


def read(path: Path) -> list[Explained]:
    return [Explained(**entry) for entry in tomllib.loads(path.read_text()).get("exception", [])]


def unexplained(advisories: Iterable[Advisory], explained: list[Explained], today: date) -> Iterator[str]:
    for advisory in advisories:
        known = [e for e in explained if e.covers(advisory)]
        if not known:
            yield str(advisory)
        elif all(e.until < today for e in known):
            yield f"{advisory}: its exception ended on {max(e.until for e in known)}"


def unneeded(advisories: list[Advisory], explained: list[Explained]) -> Iterator[str]:
    for e in explained:
        if not any(e.covers(advisory) for advisory in advisories):
            yield f"audit/exceptions.toml: {e.id} of {e.package} is in no lock any more: take it out"
