"""What the churn model's rows are to be made from: the files of pinned snapshots and of the feature store, and the days."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from jobs.glue.errors import DataError

FACTS, CUSTOMERS, FEATURES, STORE = "fact_orders", "dim_customers", "ml_features", "store"
PREDICTIONS = "predictions"
"""Earlier scorings whose outcome is asked for: files of ml.churn_predictions."""
SOURCES = (FACTS, CUSTOMERS, FEATURES, STORE, PREDICTIONS)
HORIZONS = 3
"""So many horizons of history there must be before `as_of`."""


@dataclass(frozen=True)
class ChurnWork:
    run_id: str
    as_of: date
    horizon_days: int
    due_days: int
    """Customers with an order in so many days before a day are due on it."""
    origins: tuple[date, ...]
    """Days in the past for which it is known who came back, latest first."""
    history_days: int
    """An origin needs so many days of history."""
    known_within_days: int
    """What was written to the store so long after an origin counts as known on it."""
    max_age_days: int
    """A record whose event is older than this at an origin says nothing of it."""
    minimum_due: int
    reconstruct: bool
    """Whether features that nobody noted at the time may be computed from silver as it is now."""
    output: str
    outcomes: str
    """Where the outcomes of earlier scorings go: they are published where they lie, the rest is for one run."""
    sources: Mapping[str, tuple[str, ...]]


def parse(text: str, origin: str) -> ChurnWork:
    try:
        document = json.loads(text)
        work = ChurnWork(
            run_id=document["run_id"],
            as_of=date.fromisoformat(document["as_of"]),
            origins=tuple(sorted({date.fromisoformat(day) for day in document["origins"]}, reverse=True)),
            reconstruct=bool(document["reconstruct"]),
            output=document["output"].rstrip("/"),
            outcomes=document["outcomes"].rstrip("/"),
            sources={name: tuple(document["sources"][name]) for name in SOURCES},
            **_numbers(document),
        )
    except KeyError as error:
        raise DataError(f"manifest {origin} lacks the field {error}") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise DataError(f"manifest {origin} cannot be read: {error}") from error
    _check(work, origin)
    return work


def _numbers(document: Mapping[str, Any]) -> dict[str, int]:
    names = (
        *("horizon_days", "due_days", "history_days", "known_within_days"),
        *("max_age_days", "minimum_due"),
    )
    return {name: int(document[name]) for name in names}


def _check(work: ChurnWork, origin: str) -> None:
    if not work.sources[FACTS]:
        raise DataError(
            f"manifest {origin} names no file of silver.{FACTS}: there are no orders to learn from"
        )
    if min(work.horizon_days, work.due_days, work.max_age_days) < 1 or work.known_within_days < 0:
        raise DataError(
            f"manifest {origin}: horizon_days {work.horizon_days}, due_days {work.due_days} and max_age_days "
            f"{work.max_age_days} must be at least 1, known_within_days {work.known_within_days} at least 0"
        )
    latest = work.as_of - timedelta(days=work.horizon_days)
    if early := [str(day) for day in work.origins if day > latest]:
        raise DataError(
            f"manifest {origin}: who came back within {work.horizon_days} days of {', '.join(early)} is not known on "
            f"{work.as_of}; origins up to {latest} are possible"
        )
