"""One SQL statement and what it is for. Every statement is atomic by itself and may be repeated after a kill."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Statement:
    step: str
    sql: str
    parameters: tuple[Any, ...] = ()
