"""Replay quarantined rows after the contract or the rows themselves were fixed.

A row that now passes is published as part of its original delivery: it keeps its raw date, so it never overrides newer
data. A row that still fails stays in quarantine, with the new reasons.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Literal

from prefect import flow
from prefect.client.schemas.objects import State

from contracts import cpg
from flows.cpg_backfill import refuse_backwards
from flows.write_audit_publish import marts, process
from tasks.errors import HighwaterError
from tasks.intake.landing import Slice
from tasks.publishing import quarantine, replay
from tasks.publishing.curated import Curated, outcomes
from tasks.publishing.publishing_steps import finish
from tasks.publishing.quality import Limits, Quality
from tasks.runs.endings import ended_badly, notify_of_refusal, stop_external_jobs
from tasks.runs.run import Run, guarded
from tasks.step import step

if TYPE_CHECKING:
    Dataset = str
else:
    Dataset = Literal[tuple(dataset.table for dataset in cpg.DELIVERED)]  # Prefect's form offers them

# Quarantined rows are few and mostly invalid, so limits meant for a full day's delivery do not apply.
_ANYTHING = Limits(
    row_count_min=0, null_rate_max=1, duplicate_rate_max=1, rejected_rate_max=1, superseded_rate_max=1
)
_NO_LIMITS = Quality(
    sales=_ANYTHING, inventory=_ANYTHING, market=_ANYTHING, promotions=_ANYTHING, masters=_ANYTHING
)


@step("gather quarantined rows")
def gather(dataset: Dataset, first: date, last: date, mended: str | None) -> Slice:
    return replay.gather(dataset, first, last, mended)


@step("take out of quarantine")
def settle(curated: Curated, run_id: str) -> None:
    quarantine.settle(curated, run_id)


@flow(
    name="cpg-replay",
    flow_run_name="cpg-replay {dataset} {start_date}..{end_date}",
    timeout_seconds=4 * 3600,
    persist_result=True,  # what the run returned can be read from any machine
    on_cancellation=[stop_external_jobs],
    on_crashed=[stop_external_jobs],
    on_failure=[notify_of_refusal],
)
def cpg_replay(
    dataset: Dataset, start_date: date, end_date: date, mended: str | None = None
) -> dict[str, Any] | State[Any]:
    """Process quarantined rows again.

    Args:
        dataset: The dataset whose quarantined rows to replay.
        start_date: The first raw date to replay.
        end_date: The last raw date to replay, inclusive.
        mended: Optional s3:// address of a CSV file with corrections: a row_id column plus the columns to correct.
            Rows and columns that are not in the file are replayed unchanged.
    """
    try:
        run = Run("cpg-replay", start_date, end_date, {"dataset": dataset, "mended": mended})
        with guarded(run):
            refuse_backwards(start_date, end_date)
            slice_ = gather(dataset, start_date, end_date, mended)
            curated = process(run, [slice_] if slice_.inputs else [], _NO_LIMITS)
            headlines = marts(run)
            for c in curated:  # last: a row leaves quarantine only after it is published and loaded
                settle(c, run.run_id)
            finish(run, outcomes(curated), headlines)
            return headlines
    except HighwaterError as error:
        return ended_badly(error)
