"""The steps that the daily run, the backfill and the replay share.

Write, audit, publish: nothing is visible before every dataset of the run has passed its audit. Each step can be killed
and repeated; where a step's effect is already there, it says so and does nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, Literal, get_args

from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.futures import PrefectFuture

from contracts.catalog import contract
from tasks.errors import BusinessError, Outrun
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
"""The run's parameter of this name."""
_CURATED_ANEW_MOST = 2
ONE_JOB_ROWS = 100_000
Step = Literal["curated", "audited", "published", "loaded"]
STEPS: tuple[Step, ...] = get_args(Step)
Done = Callable[[Step], None]


@step("preflight")
def preflight(datasets: list[str], first: date, last: date) -> list[Slice]:
    """Every source has landed, every file is whole and of its contract; otherwise nothing is touched."""
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


@step("compare with the snapshots before")
def require_whole(slices: list[Slice]) -> None:
    """A master or a calendar that was cut off on its way is refused before anything is touched."""
    truncation.require_whole(slices)


@step("list again", task_run_name="list again {slice_.dataset}")
def list_again(slice_: Slice) -> Slice:
    """Whoever was outrun reads what is there now: the run that was faster may have seen more files."""
    return landing.again(settings().lake_bucket, slice_)


@step("curate")
def curate(slices: list[Slice], run_id: str) -> list[Curated]:
    return curation.curate(slices, run_id)


@step("quarantine", task_run_name="quarantine {curated.dataset}")
def put_aside(curated: Curated, run_id: str) -> None:
    """The rows of a replay are in quarantine as it is; those of an unchanged slice have been put there or replayed since."""
    if not (curated.unchanged or curated.slice.is_replay):
        quarantine.put_aside(curated, run_id)


@step("audit")
def audit(run: Run, curated: list[Curated], limits: Quality) -> None:
    """Judge every dataset, put the verdict and what became of each row on record, tell CloudWatch, then say no if a
    figure failed. A run that is refused, or dies before it has published, has its reconciliation all the same."""
    findings = [f for c in curated for f in _judged(c, limits)]
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


def _judged(curated: Curated, limits: Quality) -> list[Finding]:
    figures = quality.audit(curated, limits.of(curated.dataset))
    return [*figures, *quality.uncast(curated), quality.contract_kept(curated)]


@step("publish", task_run_name="publish {curated.dataset}")
def publish(curated: Curated, run_id: str) -> int | None:
    return publication.publish(curated, run_id)


@step("load")
def load(run: Run, dataset: str) -> int:
    """Replay into Snowflake what the dataset's log holds beyond the last load."""
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
    """raw = published + superseded + quarantined, with raw counted by the files' footers and the rest by the job."""
    for c in curated:
        if c.slice.rows != c.total.rows_raw or not c.total.balances():
            raise BusinessError(
                f"{c.dataset}: the files hold {c.slice.rows} rows, the job accounts for {c.total}. Figures: "
                f"{c.figures_address}"
            )
    with run.session("reconcile") as connection:
        monitoring.record_datasets(connection, dataset_records(run, curated))


def dataset_records(run: Run, curated: list[Curated], status: str | None = None) -> list[DatasetRecord]:
    """A row for each dataset and raw date; without a status, that of rows which everybody can see."""
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
    """Stop jobs that nobody waits for any more: a killed process could not do it itself, and they would take up slots."""
    return external_jobs.release_orphans(run_id, _is_over, keep)


def _is_over(flow_run_id: str) -> bool:
    with get_client(sync_client=True) as client:
        try:
            state = client.read_flow_run(flow_run_id).state  # type: ignore[arg-type]
        except ObjectNotFound:
            return True
    return state is not None and state.is_final()


def groups(slices: list[Slice]) -> dict[str, list[Slice]]:
    """The datasets of a small day in one job, side by side in it: starting a second Spark session would cost more than
    the day's work. Of a large one, the dataset of the most values by itself beside the others."""
    if not slices:
        return {}
    if sum(s.rows for s in slices) <= ONE_JOB_ROWS:
        return {"everything": slices}
    largest = max(slices, key=lambda s: (s.rows * len(contract(s.dataset).columns), s.dataset))
    others = [s for s in slices if s is not largest]
    return {largest.dataset: [largest], **({"others": others} if others else {})}


@step("compare with what is published")
def compare(slices: list[Slice]) -> tuple[list[Curated], dict[str, list[Slice]], list[str]]:
    """What is published from the very same files already; the rest in groups, and the work that each group is."""
    known = {s.dataset: curation.unchanged(s) for s in slices}
    same = [curated for curated in known.values() if curated]
    fresh = groups([s for s in slices if known[s.dataset] is None])
    return same, fresh, [curation.Plan.of(group).key for group in fresh.values()]


def curate_all(slices: list[Slice], run: Run) -> list[Curated]:
    """The jobs side by side; what was already published from the same files is not computed again."""
    same, fresh, works = compare(slices)
    release_orphans(run.run_id, works)  # but not those that this run is about to take up
    futures: list[PrefectFuture[list[Curated]]] = [
        curate.with_options(task_run_name=f"curate {label}").submit(group, run.run_id)
        for label, group in fresh.items()
    ]
    done = {c.dataset: c for future in futures for c in future.result()}
    for c in same:
        log("unchanged since its last publication", dataset=c.dataset, rows=c.total.rows_raw, run=run.run_id)
        done[c.dataset] = c
    return [done[s.dataset] for s in slices]


def _unheard(_: Step) -> None:
    """A day's steps are on the run's page; who wants to hear of them gives a function of his own."""


def judged(run: Run, slices: list[Slice], limits: Quality, done: Done = _unheard) -> list[Curated]:
    """Curated and audited; the broken rows are findable whatever the audit said."""
    curated = curate_and_put_aside(run, slices)
    done("curated")
    audit(run, curated, limits)
    done("audited")
    return curated


def curate_and_put_aside(run: Run, slices: list[Slice]) -> list[Curated]:
    """What the job refused is in quarantine. A dataset whose files changed meanwhile is listed and curated anew."""
    done: dict[str, Curated] = {}
    waiting = slices
    for left in reversed(range(_CURATED_ANEW_MOST + 1)):
        fresh = curate_all(waiting, run)
        done |= {c.dataset: c for c in fresh}
        release_orphans(run.run_id, [])  # leases may have expired meanwhile
        outrun = _outrun(run, {c.dataset: put_aside.submit(c, run.run_id) for c in fresh}, left)
        if not outrun:
            break
        waiting = listed_again(run, [done[dataset].slice for dataset in outrun])
    return [done[s.dataset] for s in slices]


def listed_again(run: Run, slices: list[Slice]) -> list[Slice]:
    now = [list_again(slice_) for slice_ in slices]
    require_whole_unless_accepted(run, now)
    return now


def require_whole_unless_accepted(run: Run, slices: list[Slice]) -> None:
    if not run.parameters.get(ACCEPT_TRUNCATED):
        require_whole(slices)


def _outrun(run: Run, futures: dict[str, PrefectFuture[Any]], left: int) -> list[str]:
    """The datasets whose step came too late; raises when none is left of the times that it may be tried."""
    outrun = []
    for dataset, future in futures.items():
        try:
            future.result()
        except Outrun as error:
            if not left:
                raise
            log("outrun, curating it anew", dataset=dataset, run=run.run_id, error=error)
            outrun.append(dataset)
    return outrun


def publish_all(run: Run, curated: list[Curated], limits: Quality) -> list[Curated]:
    """All of them, in one commit each. What another run has outrun is curated and judged anew on what that one published."""
    done = {c.dataset: c for c in curated}
    waiting = curated
    for left in reversed(range(_CURATED_ANEW_MOST + 1)):
        outrun = _outrun(run, {c.dataset: publish.submit(c, run.run_id) for c in waiting}, left)
        if not outrun:
            break
        waiting = judged(run, listed_again(run, [done[dataset].slice for dataset in outrun]), limits)
        done |= {c.dataset: c for c in waiting}
    return [done[c.dataset] for c in curated]


def process(run: Run, slices: list[Slice], limits: Quality, done: Done = _unheard) -> list[Curated]:
    """From landed files to loaded facts."""
    curated = publish_all(run, judged(run, slices, limits, done), limits)
    done("published")
    for dataset in warehouse_load.in_load_order(c.dataset for c in curated):
        load.with_options(task_run_name=f"load {dataset}")(run, dataset)
    reconcile(run, curated)
    done("loaded")
    return curated


@step("finish")
def finish(run: Run, outcomes: list[Outcome], headlines: dict[str, Any]) -> None:
    """The run is on record as completed, and people are told: the last thing that it does."""
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
