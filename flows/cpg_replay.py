"""Take quarantined rows through again, after the contract or the rows themselves were mended.

A row that passes now is published as its delivery would have been: with its own raw date, so that it never overrules
what is newer. A row that is still broken stays in quarantine, with its new reasons.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State

from flows.cpg_run import finish, marts, process
from flows.endings import ended_badly, stop_external_jobs
from flows.run import Run, guarded
from tasks import replay
from tasks.errors import RETRY, HighwaterError
from tasks.landing import Slice
from tasks.quality import Limits, Quality
from tasks.replay import Dataset

# The rows of a quarantine are few and mostly broken by nature: the limits of a day's delivery say nothing about them.
_ANYTHING = Limits(row_count_min=0, null_rate_max=1, duplicate_rate_max=1, rejected_rate_max=1)
_NO_LIMITS = Quality(
    sales=_ANYTHING, inventory=_ANYTHING, market=_ANYTHING, promotions=_ANYTHING, masters=_ANYTHING
)


@task(name="gather quarantined rows", cache_policy=NO_CACHE, **RETRY)
def gather(dataset: Dataset, first: date, last: date, mended: str | None, run_id: str) -> Slice:
    return replay.gather(dataset, first, last, mended, run_id)


@flow(
    name="cpg-replay",
    flow_run_name="cpg-replay {dataset} {start_date}..{end_date}",
    timeout_seconds=4 * 3600,
    persist_result=True,  # a retry on another machine skips what is done
    on_cancellation=[stop_external_jobs],
    on_crashed=[stop_external_jobs],
)
def cpg_replay(
    dataset: Dataset, start_date: date, end_date: date, mended: str | None = None
) -> dict[str, Any] | State[Any]:
    """Process quarantined rows again.

    Args:
        dataset: The dataset whose quarantine is replayed.
        start_date: The first raw date to replay.
        end_date: The last raw date to replay, included.
        mended: Optional s3:// address of a CSV file with a column row_id and the columns to correct. Columns that it
            does not have, and rows that it does not name, are replayed as they are.
    """
    try:
        run = Run("cpg-replay", start_date, end_date, {"dataset": dataset, "mended": mended})
        with guarded(run):
            slice_ = gather(dataset, start_date, end_date, mended, run.run_id)
            curated = process(run, [slice_], _NO_LIMITS)
            headlines = marts(run)
            finish(run, curated, headlines)
            return headlines
    except HighwaterError as error:
        return ended_badly(error)
