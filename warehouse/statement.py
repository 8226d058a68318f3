"""One SQL statement, what it is for, and how long its kind may take."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    QUICK = "quick"  # bookkeeping: a few rows
    LOCK = "lock"  # does nothing but wait for its turn
    LOAD = "load"  # a snapshot's files and rows
    MART = "mart"  # a whole mart


@dataclass(frozen=True)
class Statement:
    step: str
    sql: str
    parameters: tuple[Any, ...] = ()
    kind: Kind = Kind.LOAD
