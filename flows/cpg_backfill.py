"""A range of days in a few Spark jobs: the same steps, files and verdicts as the daily runs would have had.

Days are taken together in chunks, because starting Spark costs more than a day's data. Each chunk is published as a whole;
a backfill that fails in its third chunk leaves two that stand, and can be run again from the start harmlessly.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import PositiveInt

from flows.cpg_daily import refuse_future
from flows.cpg_run import finish, marts, preflight, process
from flows.endings import ended_badly, stop_external_jobs, tell_of_refusal
from flows.run import Run, guarded
from tasks import artifacts
from tasks.curation import Curated
from tasks.errors import DataError, HighwaterError
from tasks.quality import Quality
from tasks.sources import ALL_SOURCES, Sources, datasets_of

_HOURS = 3600


def chunks(first: date, last: date, days: int) -> Iterator[tuple[date, date]]:
    while first <= last:
        end = min(first + timedelta(days=days - 1), last)
        yield first, end
        first = end + timedelta(days=1)


def refuse_backwards(first: date, last: date) -> None:
    if first > last:
        raise DataError(f"start_date {first} is after end_date {last}: exchange them. Nothing was touched.")


@flow(
    name="cpg-backfill",
    flow_run_name="cpg-backfill {start_date}..{end_date}",
    timeout_seconds=24 * _HOURS,
    persist_result=True,  # what the run returned can be read from any machine
    on_cancellation=[stop_external_jobs],
    on_crashed=[stop_external_jobs],
    on_failure=[tell_of_refusal],
)
def cpg_backfill(
    start_date: date,
    end_date: date,
    sources: Sources = list(ALL_SOURCES),  # noqa: B006 - Prefect shows it in the form, nobody changes it
    quality: Quality = Quality(),  # noqa: B008
    chunk_days: PositiveInt = 366,
) -> dict[str, Any] | State[Any]:
    """Process every day of a range as its daily run would have.

    Args:
        start_date: The first business day of the range.
        end_date: The last business day of the range, included.
        sources: Which sources to process. A missing delivery on any day fails the run before anything is touched.
        quality: The audit's limits, applied to each day by itself.
        chunk_days: Days that are processed and published together. Fewer days need less of Spark at once.
    """
    try:
        run = Run("cpg-backfill", start_date, end_date, {"sources": sources, "quality": quality.model_dump()})
        with guarded(run):
            refuse_backwards(start_date, end_date)
            refuse_future(end_date)
            return _in_chunks(run, datasets_of(sources), quality, chunk_days)
    except HighwaterError as error:
        return ended_badly(error)


def _in_chunks(run: Run, datasets: list[str], quality: Quality, days: int) -> dict[str, Any]:
    curated: list[Curated] = []
    total = (run.last - run.first).days + 1
    progress = artifacts.progress_started("backfill-progress", f"{run.label}: {total} days")
    # Everything is checked before the first chunk is touched: a gap in the third year is known at once.
    landed = [preflight(datasets, first, last) for first, last in chunks(run.first, run.last, days)]
    for (_, last), slices in zip(chunks(run.first, run.last, days), landed, strict=True):
        curated += process(run, slices, quality)
        done = (last - run.first).days + 1
        artifacts.progress_moved(progress, 100.0 * done / total, f"{done} of {total} days, up to {last}")
    headlines = marts(run)
    finish(run, curated, headlines)
    return headlines
