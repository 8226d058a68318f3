"""The one form of a step: a Prefect task that is retried when a failure may pass, and never skipped by its arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE

from tasks.errors import RETRY

P = ParamSpec("P")
R = TypeVar("R")


def step(name: str, **options: Any) -> Callable[[Callable[P, R]], Task[P, R]]:
    """What a step does depends on the lake and the warehouse, not on its arguments alone, so Prefect must not skip it by
    them. What is done is known better: by the ledger (jobs), the Iceberg log (publications) and LOAD_HEADS (loads)."""
    return task(name=name, cache_policy=NO_CACHE, **RETRY, **options)
