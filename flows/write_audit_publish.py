"""Steps shared by the daily run, the backfill and the replay.

Write, audit, publish: nothing is visible until every dataset of the run has passed its audit. Each step can be killed and
repeated; a step whose work is already done logs that and does nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, Literal, get_args

from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.futures import PrefectFuture

from contracts.catalog import contract
from tasks.errors import BusinessError, StaleResult
from tasks.events import log
from tasks.forecast import forecast_accuracy
from tasks.intake import landing, truncation
from tasks.intake.landing import Slice
from tasks.jobs import external_jobs
from tasks.publishing import audit_page, curation, publication, quality, quarantine
from tasks.publishing.curation import Curated, Outcome, outcomes
from tasks.publishing.quality import Finding, Quality
from tasks.runs import alerts, monitoring
from tasks.runs.monitoring import JUDGED, PUBLISHED, REJECTED, UNCHANGED, DatasetRecord, QualityRecord
from tasks.runs.run import Run, record
from tasks.settings import settings
from tasks.step import step
from tasks.warehouse import warehouse_load, warehouse_marts

ACCEPT_TRUNCATED = "accept_truncated"
"""Name of the run parameter."""
_MAX_RECURATIONS = 2
ONE_JOB_ROWS = 100_000
Step = Literal["curated", "audited", "published", "loaded"]
STEPS: tuple[Step, ...] = get_args(Step)
Done = Callable[[Step], None]


@step("preflight")
def preflight(datasets: list[str], first: date, last: date) -> list[Slice]:
    """Check that every source has landed and every file is intact and matches its contract, before anything is changed."""
    bucket = settings().lake_bucket
    found = landing.find(bucket, datasets, first, last)
    slices = [landing.inspect(bucket, dataset, files) for dataset, files in found.items()]
    for slice_ in slices:
        log(
            "landed",
            dataset=slice_.dataset,
            files=len(slice_.inputs),
            rows=slice_.rows,
            extra_columns=",".join(slice_.extra_columns) or None,
            missing_columns=",".join(slice_.missing_columns) or None,
        )
    return slices


@step("check for truncated snapshots")
def require_whole(slices: list[Slice]) -> None:
    """Reject a master or promotion calendar that looks truncated, before anything is changed."""
    truncation.require_whole(slices)


@step("relist files", task_run_name="relist files of {slice_.dataset}")
def relist(slice_: Slice) -> Slice:
    """List the slice's files again. A concurrent run that published first may have read files that this run has not."""
    return landing.relist(settings().lake_bucket, slice_)


@step("curate")
def curate(slices: list[Slice], run_id: str) -> list[Curated]:
    return curation.curate(slices, run_id)


@step("quarantine", task_run_name="quarantine {curated.dataset}")
def put_aside(curated: Curated, run_id: str) -> None:
    """Quarantine the rejected rows.

    Skipped for a replay, whose rows are in quarantine already, and for an unchanged slice, whose rows were quarantined
    when it was first published and may have been replayed since.
    """
    if not (curated.unchanged or curated.slice.is_replay):
        quarantine.put_aside(curated, run_id)


@step("audit")
def audit(run: Run, curated: list[Curated], limits: Quality) -> None:
    """Audit every dataset, record the findings and row counts, send the metrics to CloudWatch, then raise if a check failed.

    The records come first, so that a run that is rejected, or dies before it publishes, still has its reconciliation.
    """
    findings = [f for c in curated for f in _findings(c, limits)]
    status = JUDGED if all(f.passed for f in findings) else REJECTED
    audit_page.quality_table(findings, run.days)
    audit_page.reconciliation_table(outcomes(curated), run.days, status)
    with run.session("audit") as connection:
        monitoring.record_datasets(connection, dataset_records(run, curated, status))
        monitoring.record_quality(
            connection,
            [
                QualityRecord(
                    run.run_id, run.date_of(f.run_date), f.dataset, f.metric, f.value, f.threshold, f.passed
                )
                for f in findings
            ],
        )
    quality.emit(findings)
    quality.require(findings, run.run_id)


def _findings(curated: Curated, limits: Quality) -> list[Finding]:
    figures = quality.audit(curated, limits.of(curated.dataset))
    return [*figures, *quality.uncast(curated), quality.contract_kept(curated)]


@step("publish", task_run_name="publish {curated.dataset}")
def publish(curated: Curated, run_id: str) -> int | None:
    return publication.publish(curated, run_id)


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
        return warehouse_marts.headlines(connection)


@step("reconcile")
def reconcile(run: Run, curated: list[Curated]) -> None:
    """Check that raw = published + superseded + quarantined: raw comes from the file footers, the rest from the job."""
    for c in curated:
        if c.slice.rows != c.total.rows_raw or not c.total.balances():
            raise BusinessError(
                f"{c.dataset}: the files hold {c.slice.rows} rows, the job accounts for {c.total}. Figures: "
                f"{c.figures_address}"
            )
    with run.session("reconcile") as connection:
        monitoring.record_datasets(connection, dataset_records(run, curated))


def dataset_records(run: Run, curated: list[Curated], status: str | None = None) -> list[DatasetRecord]:
    """A record per dataset and raw date. Without a status, it is PUBLISHED or UNCHANGED."""
    ended_at = None if status == JUDGED else datetime.now(UTC)
    return [
        DatasetRecord(
            run_id=run.run_id,
            flow=run.flow,
            run_date=run.date_of(day),
            dataset=c.dataset,
            rows_raw=counts.rows_raw,
            rows_published=counts.rows_published,
            rows_superseded=counts.rows_superseded,
            rows_quarantined=counts.rows_quarantined,
            status=status or (UNCHANGED if c.unchanged else PUBLISHED),
            started_at=run.started_at,
            ended_at=ended_at,
        )
        for c in curated
        for day, counts in c.by_date.items()
    ]


@step("release orphaned jobs")
def release_orphans(run_id: str, keep: list[str]) -> list[str]:
    """Stop jobs whose run is over. A killed process cannot stop its own jobs, and they would occupy slots."""
    return external_jobs.release_orphans(run_id, _is_over, keep)


def _is_over(flow_run_id: str) -> bool:
    with get_client(sync_client=True) as client:
        try:
            state = client.read_flow_run(flow_run_id).state  # type: ignore[arg-type]
        except ObjectNotFound:
            return True
    return state is not None and state.is_final()


def groups(slices: list[Slice]) -> dict[str, list[Slice]]:
    """The datasets to curate in each job, by label.

    A small day is one job: a second Spark session would cost more than the work itself. On a large day, the largest
    dataset (rows times columns) gets its own job and the others share one.
    """
    if not slices:
        return {}
    if sum(s.rows for s in slices) <= ONE_JOB_ROWS:
        return {"everything": slices}
    largest = max(slices, key=lambda s: (s.rows * len(contract(s.dataset).columns), s.dataset))
    others = [s for s in slices if s is not largest]
    return {largest.dataset: [largest], **({"others": others} if others else {})}


@step("find unchanged slices")
def find_unchanged(slices: list[Slice]) -> tuple[list[Curated], dict[str, list[Slice]], list[str]]:
    """Slices already published from the same files; the others, grouped by job; and the work key of each group."""
    published = {s.dataset: curation.unchanged(s) for s in slices}
    unchanged = [curated for curated in published.values() if curated]
    jobs = groups([s for s in slices if published[s.dataset] is None])
    return unchanged, jobs, [curation.Plan.of(group).key for group in jobs.values()]


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


@step("finish")
def finish(run: Run, outcomes: list[Outcome], headlines: dict[str, Any]) -> None:
    """Record the run as completed and send the notification. Always the last step."""
    audit_page.reconciliation_table(outcomes, run.label)
    audit_page.headlines_table(headlines, run.last)
    jobs = {job for outcome in outcomes for job in outcome.jobs}
    record(run, "COMPLETED", summary(run, outcomes), _row_sums(outcomes), jobs)
    alerts.send("INFO", summary(run, outcomes), run.facts())


def _row_sums(outcomes: list[Outcome]) -> dict[str, int]:
    names = ("rows_raw", "rows_published", "rows_superseded", "rows_quarantined")
    return {name: sum(getattr(outcome, name) for outcome in outcomes) for name in names}


def summary(run: Run, outcomes: list[Outcome]) -> str:
    rows = [
        f"{o.dataset}: {o.rows_raw} raw = {o.rows_published} published + "
        f"{o.rows_superseded} superseded + {o.rows_quarantined} quarantined"
        + (" (unchanged)" if o.unchanged else "")
        for o in outcomes
    ]
    return f"{run.flow} {run.label} is done. " + "; ".join(rows)
