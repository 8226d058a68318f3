"""Champion and challenger against what happened: their answers to requests about customers whose outcome is known by now."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from deployments.names import CHALLENGER, CHAMPION
from tasks.churn.churn_dataset import Dataset
from tasks.lake import lake_tables
from tasks.services import objects
from tasks.serving import captured
from tasks.serving.ab_report import LastAnswers, Part, ab_report, last_answers
from tasks.serving.captured import Served

SCORINGS = 5
"""The report is of the requests after so many scorings, the latest whose outcome is known."""
SERVED_FOR = timedelta(days=7)
"""Requests up to so long after a scoring are held against its outcome."""


def report(dataset: Dataset) -> list[Part]:
    """A part per variant that was asked about customers in the weeks after the scorings whose outcomes the dataset tells.

    A request is held against the outcome of the last scoring before it: whether the customer stayed away from that day on.
    """
    last: LastAnswers = {}
    outcomes: dict[tuple[str, date], bool] = {}
    for scored, until in _weeks(sorted(dataset.outcomes)[-SCORINGS:]):
        found = last_answers(_served(scored, until))
        churned = _churned(dataset, scored) if found else {}
        last |= found
        outcomes |= {(customer, day): churned[customer] for _, customer, day in found if customer in churned}
    return ab_report(last, outcomes)


def _weeks(days: list[date]) -> Iterator[tuple[date, date]]:
    """From each day on until the next one, a week at most."""
    for day, after in itertools.zip_longest(days, days[1:]):
        yield day, min(day + SERVED_FOR, after or date.max)


def _served(since: date, until: date) -> Iterator[Served]:
    for variant in (CHAMPION, CHALLENGER):
        yield from captured.served(variant, _midnight(since), _midnight(until))


def _churned(dataset: Dataset, scored: date) -> dict[str, bool]:
    """By customer_id, which outcomes lack: it is in the scores that they are of."""
    names = _read(dataset.inputs.predictions, ["customer_key", "customer_id", "as_of"])
    of_day = names.filter(pc.equal(names.column("as_of"), pa.scalar(scored, pa.date32())))
    told = _read(lake_tables.parquet_files(dataset.outcomes_of(scored)), ["customer_key", "churned"])
    both = of_day.join(told, "customer_key", join_type="inner")
    return dict(zip(both.column("customer_id").to_pylist(), both.column("churned").to_pylist(), strict=True))


def _read(files: Iterable[str], columns: list[str]) -> pa.Table:
    return pa.concat_tables(pq.read_table(io.BytesIO(objects.read(file)), columns=columns) for file in files)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
