"""The steps between landed files and a published, reconciled run: curate, quarantine, audit, publish, finish.

Each can be killed and repeated. A step whose work is done already logs that and does nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from contracts.catalog import contract
from tasks.errors import BusinessError
from tasks.intake.landing import Slice
from tasks.publishing import audit_page, curation, publication, quality, quarantine
from tasks.publishing.curated import Curated, Outcome, outcomes
from tasks.publishing.quality import Finding, Quality
from tasks.runs import alerts, monitoring
from tasks.runs.monitoring import JUDGED, PUBLISHED, REJECTED, UNCHANGED, DatasetRecord, QualityRecord
from tasks.runs.run import Run, record
from tasks.step import step

ONE_JOB_ROWS = 100_000


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
