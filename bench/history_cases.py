"""Twelve ways in which a customer's versions and deletions come in, and the history that is right, written by hand.

Hours count from the first of 2026. A delivery is what an extraction brings in its hour; there are three of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from contracts.dialects.arrow_types import arrow_type
from contracts.shop.customers import CUSTOMERS
from tasks.extraction.bronze import PROVENANCE

START = datetime(2026, 1, 1, tzinfo=UTC)
OPEN = None
DELIVERED = (10, 20, 30)
"""The hours of the deliveries."""
Period = tuple[str, int, int | None]
"""City, from when, up to when."""


@dataclass(frozen=True)
class Seen:
    """A row of the source: the city that was written at that hour. Without a city, the key was found gone."""

    at: int
    city: str | None
    is_deleted: bool = False


@dataclass(frozen=True)
class Case:
    name: str
    deliveries: tuple[tuple[Seen, ...], ...]
    right: tuple[Period, ...]


A, GONE = Seen(1, "Agra"), Seen(20, None)
CASES = (
    Case("in order", ((A,), (Seen(15, "Goa"),)), (("Agra", 1, 15), ("Goa", 15, OPEN))),
    Case(
        "two versions in one delivery",
        ((A,), (Seen(12, "Goa"), Seen(15, "Pune"))),
        (("Agra", 1, 12), ("Goa", 12, 15), ("Pune", 15, OPEN)),
    ),
    Case(
        "late: between two that are there",
        ((A,), (Seen(15, "Pune"),), (Seen(8, "Goa"),)),
        (("Agra", 1, 8), ("Goa", 8, 15), ("Pune", 15, OPEN)),
    ),
    Case("late: before the first", ((Seen(5, "Goa"),), (), (A,)), (("Agra", 1, 5), ("Goa", 5, OPEN))),
    Case("tie: the same time, other content later", ((A,), (Seen(1, "Goa"),)), (("Goa", 1, OPEN),)),
    Case("no-op: a newer time, the same content", ((A,), (Seen(15, "Agra"),)), (("Agra", 1, OPEN),)),
    Case(
        "changed and back",
        ((A,), (Seen(15, "Goa"),), (Seen(25, "Agra"),)),
        (("Agra", 1, 15), ("Goa", 15, 25), ("Agra", 25, OPEN)),
    ),
    Case(
        "an old delivery comes again",
        ((A,), (Seen(15, "Goa"),), (A,)),
        (("Agra", 1, 15), ("Goa", 15, OPEN)),
    ),
    Case("found gone", ((A,), (GONE,)), (("Agra", 1, 20),)),
    Case(
        "marked deleted",
        ((A,), (Seen(15, "Agra", is_deleted=True),)),
        (("Agra", 1, 15),),
    ),
    Case(
        "gone, and back with a newer time",
        ((A,), (GONE,), (Seen(25, "Agra"),)),
        (("Agra", 1, 20), ("Agra", 25, OPEN)),
    ),
    Case(
        "gone, and back with its old time",
        ((A,), (GONE,), (A,)),
        (("Agra", 1, 20), ("Agra", 30, OPEN)),
    ),
)


def write(folder: Path) -> list[Path]:
    """The deliveries of all cases, a file of bronze each."""
    folder.mkdir(parents=True, exist_ok=True)
    own = [(column.name, arrow_type(column.kind)) for column in CUSTOMERS.columns]
    paths = []
    for number, hour in enumerate(DELIVERED):
        rows = [
            _row(case.name, seen, hour)
            for case in CASES
            for seen in (case.deliveries[number] if number < len(case.deliveries) else ())
        ]
        paths.append(folder / f"delivery-{number}.parquet")
        pq.write_table(pa.Table.from_pylist(rows, pa.schema([*own, *PROVENANCE])), paths[-1])
    return paths


def _row(customer: str, seen: Seen, delivered: int) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if seen.city is not None:
        content = {"city": seen.city, "first_name": "Asha", "country": "IN", "is_deleted": seen.is_deleted}
        content["created_at"] = START
    return {
        **content,
        "customer_id": customer,
        "updated_at": START + timedelta(hours=seen.at),
        "extraction_timestamp": START + timedelta(hours=delivered),
        "is_tombstone": seen.city is None,
        **dict.fromkeys(("source_system", "window_id", "run_id", "query_hash"), "bench"),
    }


def hour(moment: datetime | None) -> int | None:
    """Hours since the start; None for the open end."""
    if moment is None or moment.year == 9999:
        return OPEN
    return round((moment.replace(tzinfo=UTC) - START) / timedelta(hours=1))


def judged(found: Iterable[tuple[str, str, int, int | None]]) -> dict[str, tuple[bool, list[Period]]]:
    """Of each case whether its history is right, and what it is. A period without length holds at no time."""
    rows: dict[str, list[Period]] = {case.name: [] for case in CASES}
    for customer, city, since, until in found:
        if since != until:
            rows[customer].append((city, since, until))
    told: dict[str, tuple[bool, list[Period]]] = {}
    for case in CASES:
        periods = sorted(rows[case.name], key=lambda period: period[1])
        told[case.name] = periods == list(case.right), periods
    return told


def spelled(periods: Sequence[Period]) -> str:
    return ", ".join(f"{city} {since}-{'' if until is None else until}" for city, since, until in periods)
