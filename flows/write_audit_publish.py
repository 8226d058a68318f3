"""Write, audit, publish: shared by the daily run, the backfill and the replay.

Nothing is visible until every dataset of the run has passed its audit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

from prefect.futures import PrefectFuture

from tasks.errors import StaleResult
from tasks.events import log
from tasks.forecast import forecast_accuracy
from tasks.intake.intake_steps import relist, require_whole
from tasks.intake.landing import Slice
from tasks.jobs.job_steps import release_orphans
from tasks.publishing.curated import Curated
from tasks.publishing.publishing_steps import audit, curate, find_unchanged, publish, put_aside, reconcile
from tasks.publishing.quality import Quality
from tasks.runs.run import Run
from tasks.step import step
from tasks.warehouse import warehouse_load, warehouse_marts
from warehouse.marts.cpg.headlines import HEADLINES

ACCEPT_TRUNCATED = "accept_truncated"
"""Name of the run parameter."""
_MAX_RECURATIONS = 2
Step = Literal["curated", "audited", "published", "loaded"]
STEPS: tuple[Step, ...] = get_args(Step)
Done = Callable[[Step], None]


@step("load")
def load(run: Run, dataset: str) -> int:
    """Load the dataset's snapshots published since the last load into Snowflake. Returns how many were loaded."""
    with run.session(f"load {dataset}") as connection:
        return warehouse_load.catch_up(connection, dataset, run.run_id)


@step("marts")
def marts(run: Run) -> dict[str, Any]:
    with run.session("marts") as connection:
        warehouse_marts.refresh_marts(connection)
        forecast_accuracy.refresh(connection)
        return warehouse_marts.headlines(connection, HEADLINES)


def curate_all(slices: list[Slice], run: Run) -> list[Curated]:
    """Curate the slices in parallel jobs, except those already published from the same files."""
    unchanged, jobs, works = find_unchanged(slices)
    release_orphans(run.run_id, works)  # except those that this run is about to adopt
    futures: list[PrefectFuture[list[Curated]]] = [
        curate.with_options(task_run_name=f"curate {label}").submit(group, run.run_id)
        for label, group in jobs.items()
    ]
    by_dataset = {c.dataset: c for future in futures for c in future.result()}
    for c in unchanged:
        log("unchanged since its last publication", dataset=c.dataset, rows=c.total.rows_raw, run=run.run_id)
        by_dataset[c.dataset] = c
    return [by_dataset[s.dataset] for s in slices]


def _ignore_progress(_: Step) -> None:
    """The default `done` callback: a daily run's page already shows its steps."""


def curate_and_audit(
    run: Run, slices: list[Slice], limits: Quality, done: Done = _ignore_progress
) -> list[Curated]:
    """Curate, quarantine, audit. Rejected rows are in quarantine even if the audit fails."""
    curated = curate_and_quarantine(run, slices)
    done("curated")
    audit(run, curated, limits)
    done("audited")
    return curated


def curate_and_quarantine(run: Run, slices: list[Slice]) -> list[Curated]:
    """Curate, and quarantine the rejected rows. A dataset whose files changed meanwhile is relisted and curated again."""
    by_dataset: dict[str, Curated] = {}
    pending = slices
    for retries_left in reversed(range(_MAX_RECURATIONS + 1)):
        curated = curate_all(pending, run)
        by_dataset |= {c.dataset: c for c in curated}
        release_orphans(run.run_id, [])  # leases may have expired meanwhile
        futures = {c.dataset: put_aside.submit(c, run.run_id) for c in curated}
        stale = _stale_datasets(run, futures, retries_left)
        if not stale:
            break
        pending = relist_all(run, [by_dataset[dataset].slice for dataset in stale])
    return [by_dataset[s.dataset] for s in slices]


def relist_all(run: Run, slices: list[Slice]) -> list[Slice]:
    relisted = [relist(slice_) for slice_ in slices]
    require_whole_unless_accepted(run, relisted)
    return relisted


def require_whole_unless_accepted(run: Run, slices: list[Slice]) -> None:
    if not run.parameters.get(ACCEPT_TRUNCATED):
        require_whole(slices)


def _stale_datasets(run: Run, futures: dict[str, PrefectFuture[Any]], retries_left: int) -> list[str]:
    """The datasets whose step raised StaleResult, to be curated again. Raises if no retries are left."""
    stale = []
    for dataset, future in futures.items():
        try:
            future.result()
        except StaleResult as error:
            if not retries_left:
                raise
            log("stale, curating again", dataset=dataset, run=run.run_id, error=error)
            stale.append(dataset)
    return stale


def publish_all(run: Run, curated: list[Curated], limits: Quality) -> list[Curated]:
    """Publish each dataset in one commit.

    If another run published a dataset first, it is curated and audited again on top of that run's rows.
    """
    by_dataset = {c.dataset: c for c in curated}
    pending = curated
    for retries_left in reversed(range(_MAX_RECURATIONS + 1)):
        futures = {c.dataset: publish.submit(c, run.run_id) for c in pending}
        stale = _stale_datasets(run, futures, retries_left)
        if not stale:
            break
        relisted = relist_all(run, [by_dataset[dataset].slice for dataset in stale])
        pending = curate_and_audit(run, relisted, limits)
        by_dataset |= {c.dataset: c for c in pending}
    return [by_dataset[c.dataset] for c in curated]


def process(run: Run, slices: list[Slice], limits: Quality, done: Done = _ignore_progress) -> list[Curated]:
    """Take slices from landed files to loaded facts, calling `done` after each step."""
    curated = publish_all(run, curate_and_audit(run, slices, limits, done), limits)
    done("published")
    for dataset in warehouse_load.in_load_order(c.dataset for c in curated):
        load.with_options(task_run_name=f"load {dataset}")(run, dataset)
    reconcile(run, curated)
    done("loaded")
    return curated
