"""Marketing's partitions once more, day by day: what lies in raw/ is read, checked and loaded as a run does it.

The views and marts of dbt are left to the next run, because dbt logs in by itself, as the flows' user.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Set
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from contracts.marketing import DELIVERED
from tasks.errors import BusinessError
from tasks.marketing import checks, deliveries, loading
from tasks.marketing.checks import DeliveryRefused
from tasks.marketing.forms import CUSTOMERS, EVENTS
from tasks.marketing.loading import Day, Loaded
from tasks.marketing.reading import read
from tasks.recovery.rebuild_target import RUN_ID, LeftOut
from tasks.runs.run import Run
from tasks.services import objects, secrets
from tasks.services.snowflake import execute, rows
from tasks.settings import settings
from warehouse import contents
from warehouse.load.marketing import figures

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

_FLOW = "marketing-engagement"


def require_delivered(days: Set[date]) -> None:
    if unknown := sorted(days - set(_days())):
        raise BusinessError(
            f"--accept-drop {', '.join(map(str, unknown))}: nothing of marketing was delivered for it. Nothing was changed."
        )


def rebuild(connection: SnowflakeConnection, accept_drop: Set[date]) -> Iterator[str]:
    """Load the days in their order, so that RAW holds the newest. A delivery that its checks refuse is left out, and said.

    Each day is compared as its run did: with the day before that was loaded, unless its drop is accepted. The lake does not
    know which drops were: a snapshot that was cut off lies there as one that was accepted does.
    """
    delivered = _days()
    done = _done(connection)
    is_first = True
    for day in delivered:
        if day not in done or day == delivered[-1]:
            for left_out in _load(connection, day, day in accept_drop, is_first):
                yield left_out
                is_first = False
    yield f"marketing: {len(delivered)} days in the lake; the next marketing-engagement makes its views and marts"


def _days() -> list[date]:
    found: set[date | None] = set()
    for dataset in DELIVERED:
        assert dataset.delivery is not None
        root = f"s3://{settings().lake_bucket}/{dataset.delivery.root}"
        found |= {dataset.delivery.date_of(file.key) for file in objects.listed(root)}
    return sorted(day for day in found if day)


def _done(connection: SnowflakeConnection) -> set[date]:
    """Days that this rebuild loaded before it was killed."""
    return {day for (day,) in rows(connection, contents.days_loaded(_FLOW, RUN_ID))}


def _run(day: date) -> Run:
    return Run(_FLOW, day, day, run_id=RUN_ID)


def _load(connection: SnowflakeConnection, day: date, accept_drop: bool, is_first: bool) -> Iterator[LeftOut]:
    run = _run(day)
    earlier = "" if is_first else " Or it is left out because an earlier day was: begin with the first."
    with tempfile.TemporaryDirectory() as scratch:
        read = _read(run, Path(scratch))
        try:
            for judged in read.judged:
                before = execute(connection, figures.rows_before(_FLOW, judged.dataset, day))
                found = checks.of_files(judged, int(before[0]) if before else None, accept_drop)
                checks.require(found, RUN_ID)
            if read.judged:
                loading.load(connection, run, read, Loaded())
        except DeliveryRefused as refused:
            yield LeftOut(
                f"marketing {day}, left out: {refused}\nWas it accepted then? Rebuild with --accept-drop {day}.{earlier}"
            )


def _read(run: Run, scratch: Path) -> Day:
    found = deliveries.deliveries(run.first)
    customers = events = None
    if found.customers:
        key = secrets.text(settings().hash_secret, "the key for hashes of personal data")
        customers = read(CUSTOMERS, found.customers, run.first, run.run_id, key.strip().encode(), scratch)
    if found.events:
        events = read(EVENTS, found.events, run.first, run.run_id, b"", scratch)
    return Day(customers, events)
