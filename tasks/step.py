"""The `step` decorator: a Prefect task with our retries, and without Prefect's caching."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE

from tasks.errors import RETRY

P = ParamSpec("P")
R = TypeVar("R")


def step(name: str, **options: Any) -> Callable[[Callable[P, R]], Task[P, R]]:
    """A Prefect task that is retried on transient errors and never cached.

    A step's effect depends on the lake and the warehouse, not only on its arguments, so a cached result could be wrong.
    Finished work is tracked elsewhere: in the ledger (jobs), the Iceberg log (publications) and LOAD_HEADS (loads).
    """
    return task(name=name, cache_policy=NO_CACHE, **RETRY, **options)
