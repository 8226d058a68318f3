"""A SQL statement with its purpose and its kind, which sets the timeout."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    QUICK = "quick"  # bookkeeping: a few rows
    LOCK = "lock"  # only waits for the write lock
    LOAD = "load"  # a snapshot's files and rows
    MART = "mart"  # a whole mart


@dataclass(frozen=True)
class Statement:
    step: str
    sql: str
    parameters: tuple[Any, ...] = ()
    kind: Kind = Kind.LOAD
