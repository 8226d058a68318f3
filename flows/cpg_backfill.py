"""Backfill: process a range of days in a few Spark jobs, with the same steps, files and verdicts as daily runs.

Days are processed in chunks, because starting Spark costs more than processing one day. Each chunk is published as a whole:
if the third chunk fails, the first two stay published, and the whole backfill can safely be rerun.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import PositiveInt

from flows.cpg_daily import refuse_future
from flows.write_audit_publish import (
    ACCEPT_TRUNCATED,
    STEPS,
    Done,
    Step,
    marts,
    process,
    require_whole_unless_accepted,
)
from tasks.errors import DataError, HighwaterError
from tasks.intake.intake_steps import preflight
from tasks.intake.sources import ALL_SOURCES, Sources, datasets_of
from tasks.publishing.curated import Outcome, outcomes
from tasks.publishing.publishing_steps import finish
from tasks.publishing.quality import Quality
from tasks.runs import run_page
from tasks.runs.endings import ended_badly, notify_of_refusal, stop_external_jobs
from tasks.runs.run import Run, guarded

_HOURS = 3600


def chunks(first: date, last: date, days: int) -> Iterator[tuple[date, date]]:
    while first <= last:
        end = min(first + timedelta(days=days - 1), last)
        yield first, end
        first = end + timedelta(days=1)


def refuse_backwards(first: date, last: date) -> None:
    if first > last:
        raise DataError(f"start_date {first} is after end_date {last}: swap them. Nothing was changed.")


@flow(
    name="cpg-backfill",
    flow_run_name="cpg-backfill {start_date}..{end_date}",
    timeout_seconds=24 * _HOURS,
    persist_result=True,  # what the run returned can be read from any machine
    on_cancellation=[stop_external_jobs],
    on_crashed=[stop_external_jobs],
    on_failure=[notify_of_refusal],
)
def cpg_backfill(
    start_date: date,
    end_date: date,
    sources: Sources = list(ALL_SOURCES),  # noqa: B006 - Prefect shows it in the form, nobody changes it
    quality: Quality = Quality(),  # noqa: B008
    chunk_days: PositiveInt = 366,
    accept_truncated: bool = False,
) -> dict[str, Any] | State[Any]:
    """Process every day of a range exactly as its daily run would.

    Args:
        start_date: The first business day of the range.
        end_date: The last business day of the range, inclusive.
        sources: Which sources to process. A missing delivery on any day fails the run before anything is changed.
        quality: The audit's limits, applied to each day separately.
        chunk_days: Number of days to process and publish together. Smaller chunks need less Spark memory.
        accept_truncated: Accept a master or promotion calendar that has less than half the rows of the previous one,
            or lacks one of its columns. If off, such a delivery fails the run before its days are processed.
    """
    try:
        run = Run(
            "cpg-backfill",
            start_date,
            end_date,
            {"sources": sources, "quality": quality.model_dump(), ACCEPT_TRUNCATED: accept_truncated},
        )
        with guarded(run):
            refuse_backwards(start_date, end_date)
            refuse_future(end_date)
            return _in_chunks(run, datasets_of(sources), quality, chunk_days)
    except HighwaterError as error:
        return ended_badly(error)


def _in_chunks(run: Run, datasets: list[str], quality: Quality, days: int) -> dict[str, Any]:
    """Process one chunk at a time. Only running totals are kept in memory, because a backfill may cover years."""
    progress = run_page.progress_started(
        "backfill-progress", f"{run.label}: {_days(run.first, run.last)} days"
    )
    parts = list(chunks(run.first, run.last, days))
    if len(parts) > 1:
        # Check the whole range up front, so that a gap in the third year is reported before any work is done.
        for first, last in parts:
            preflight(datasets, first, last)
    sums: list[Outcome] = []
    for first, last in parts:
        chunk = replace(run, chunk=f"{first}..{last}" if first != last else f"{first}")
        done = _progress_of(chunk, first, last, progress)
        # List again: hours may have passed since the first check, and files may have landed or been processed.
        slices = preflight(datasets, first, last)
        require_whole_unless_accepted(chunk, slices)
        sums = outcomes(process(chunk, slices, quality, done), sums)
    headlines = marts(run)
    finish(run, sums, headlines)
    return headlines


def _days(first: date, last: date) -> int:
    return (last - first).days + 1


def _progress_of(run: Run, first: date, last: date, artifact: UUID) -> Done:
    """A callback that advances the progress bar after each step, since the range may be a single chunk."""
    total, before, here = _days(run.first, run.last), (first - run.first).days, _days(first, last)

    def done(step: Step) -> None:
        share = (STEPS.index(step) + 1) / len(STEPS)
        complete = before + here * (share == 1)
        run_page.progress_moved(
            artifact,
            100.0 * (before + here * share) / total,
            f"{complete} of {total} days; {run.days} {step}",
        )

    return done
