"""The steps of the churn flow. Each may be killed at any point and repeated by any run."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from contracts.shop.churn_predictions import CHURN_PREDICTIONS
from tasks.churn import (
    churn_dataset,
    churn_drift,
    churn_gate,
    churn_horizon,
    churn_inputs,
    churn_outcomes,
    churn_publishing,
    churn_scores,
    churn_scoring,
    churn_training,
)
from tasks.churn.churn_dataset import Dataset
from tasks.churn.churn_drift import DriftLimits
from tasks.churn.churn_gate import OURS, ChurnEvaluation, ChurnGate
from tasks.churn.churn_inputs import Inputs
from tasks.churn.churn_models import HORIZON_DAYS, registry
from tasks.churn.churn_scores import Scores
from tasks.churn.churn_training import Evaluated, Trained, Tuning
from tasks.errors import BusinessError, SystemFault
from tasks.events import log
from tasks.features import ingesting, offline
from tasks.features.ingesting import Ingested
from tasks.medallion.medallion_steps import build_gold, load_mart
from tasks.models import drift, model_page
from tasks.models.model_registry import AS_OF, ModelVersion, Registration, Status
from tasks.models.verdicts import Approved
from tasks.publishing import audit_page
from tasks.runs import alerts, monitoring
from tasks.runs.monitoring import DriftRecord
from tasks.runs.run import Run, record, record_published
from tasks.services.snowflake import execute
from tasks.settings import settings
from tasks.step import step
from warehouse.load.shop.churn import count_scores

_DAY = timedelta(days=1)
RELATIVE_PRECISION = "relative_precision"


@step("horizon")
def check_horizon(horizon_days: int) -> None:
    """Refuse a horizon that is not that of the published scores, before anything is computed."""
    churn_horizon.require_same(horizon_days)


@step("feature store")
def fill_feature_store(run: Run) -> Ingested | None:
    """Put the day's features into the feature store, computing gold first if it lacks them. None for a past day without any.

    What gold has of a past day was known then, or it is not there: the dataset then takes what silver knows now.
    """
    if _is_today(run):
        build_gold.fn(run)
    elif not churn_inputs.has_features(run.first):
        log("gold has no features of this day: nothing to put into the feature store", as_of=run.first)
        return None
    ingested = ingesting.ingest(run.first)
    offline.wait_until_shown(run.first, ingested.snapshot, ingested.refused)
    return ingested


@step("dataset")
def make_dataset(run: Run, horizon_days: int, minimum_due: int, stale_days: int) -> Dataset:
    """The rows to learn from, as they were known at each origin, the customers to score, and what became of earlier ones."""

    def pin() -> Inputs:
        if _is_today(
            run
        ):  # silver may have moved on since, and a customer who is due by its orders needs features of them
            build_gold.fn(run)
        days = churn_inputs.origins(run.first, horizon_days)
        files = offline.files(_midnight(min(days) - _DAY), _midnight(max(days) + _DAY))
        closed = churn_outcomes.closed_scorings(run.first)
        return churn_inputs.pin(run.first, horizon_days, files, minimum_due=minimum_due, predictions=closed)

    dataset = churn_dataset.build(churn_inputs.pinned(run.run_id, pin), run.run_id, run.owner)
    churn_dataset.require_fresh(dataset, stale_days)
    churn_dataset.require_evaluation(dataset)
    return dataset


@step("train")
def train(run: Run, dataset: Dataset, tuning: Tuning) -> Trained:
    if tuning.trials == 1:
        return churn_training.train(dataset, run.owner)
    return churn_training.tune(dataset, run.owner, tuning)


@step("evaluate")
def evaluate(run: Run, dataset: Dataset, trained: Trained) -> Evaluated:
    return churn_training.evaluate(dataset, trained, run.owner)


@step("gate")
def judge(
    run: Run, gate: ChurnGate, trained: Trained, evaluated: Evaluated, horizon_days: int
) -> ChurnEvaluation:
    """Apply the gate. The metrics and the plot are put on the run's page first, so that they are there if it fails."""
    evaluation = churn_gate.read_evaluation(evaluated.report)
    if evaluation.chosen != trained.method:
        raise SystemFault(
            f"{evaluated.report} judged {evaluation.chosen!r}, and the model of {trained.job} is {trained.method!r}: "
            "nothing was registered. Run the day again."
        )
    others = registry().last(gate.compared_with, "Approved", horizon_days)
    approved = Approved.of((model.figure(RELATIVE_PRECISION) for model in others), max)
    verdicts = churn_gate.judge(gate, evaluation, approved)
    compared = model_page.compared_with([model.name for model in others])
    what = (
        f"Gate of the churn model as of {run.first}, {evaluation.rows} customers of whom {evaluation.churn_rate:.1%} "
        f"churned, scores from {evaluation.chosen}, {compared}"
    )
    model_page.gate_table("churn-gate", what, verdicts, evaluation.methods)
    model_page.plot("churn-reliability", f"Predicted and realised churn as of {run.first}", evaluated.plot)
    churn_gate.require(verdicts, run.label)
    return evaluation


@step("register")
def register_model(
    run: Run,
    dataset: Dataset,
    trained: Trained,
    evaluated: Evaluated,
    evaluation: ChurnEvaluation,
    registration: Registration,
) -> ModelVersion:
    figures = {
        RELATIVE_PRECISION: evaluation.relative_precision,
        "churn_rate": evaluation.churn_rate,
        **{
            f"{method}_{name}": value
            for method, scores in evaluation.methods.items()
            for name, value in scores.items()
        },
    }
    metadata = {
        AS_OF: run.label,
        HORIZON_DAYS: str(dataset.horizon_days),
        "run_id": run.run_id,
        "code_version": trained.code_version,
        "release": settings().code_version,
        "contract_version": CHURN_PREDICTIONS.version,
        "image": settings().xgboost_image,
        "training_job": trained.job,
        "chosen": evaluation.chosen,
        "reconstructed_share": f"{dataset.reconstructed_share:.4f}",
        **{name: f"{value:.6g}" for name, value in figures.items() if value is not None},
        **{f"snapshot.{name}": str(snapshot) for name, snapshot in dataset.inputs.snapshots.items()},
    }
    status: Status = "Approved" if registration.auto_approve else "PendingManualApproval"
    work = hashlib.sha256(f"{dataset.key} {trained.code_version} {trained.job}".encode()).hexdigest()[:32]
    return registry().register(
        work, trained.model_data, settings().xgboost_image, evaluated.report, metadata, status
    )


@step("predict")
def predict(run: Run, dataset: Dataset, model: ModelVersion) -> Scores:
    answers = churn_scoring.score(dataset, model, run.owner)
    return churn_scores.accept(dataset, model, answers, run.run_id)


@step("publish scores")
def publish(run: Run, dataset: Dataset, model: ModelVersion, scores: Scores) -> int:
    """Hold the scores against their contract, and replace the day's in ml.churn_predictions.

    With change_horizon, only if the model was approved: its horizon is then that of the scores.
    """
    churn_horizon.require_in_force(model, dataset.horizon_days)
    work = hashlib.sha256(" ".join(scores.files).encode()).hexdigest()[:24]
    return churn_publishing.publish(
        scores.files, dataset.as_of, work=work, run_id=run.run_id, rows=scores.rows
    )


@step("load scores")
def load(run: Run, dataset: Dataset) -> int:
    """Bring the warehouse's copy up to date, and gold and its mart with the probabilities. Returns the day's rows."""
    load_mart.fn(run, "churn_predictions")
    build_gold.fn(run)
    load_mart.fn(run, "customer_analytics")
    with run.session("count scores") as connection:
        (rows,) = execute(connection, count_scores(dataset.as_of))
    return int(rows)


@step("outcomes")
def check_outcomes(run: Run, dataset: Dataset) -> dict[str, int]:
    """Publish what became of earlier scorings' customers, and hold it against their scores. Returns the rows of each day.

    The mart is rebuilt whenever there are outcomes: the day's scores may replace some whose outcome is known, and a run
    that was killed may have loaded outcomes without it.
    """
    published = churn_outcomes.publish(dataset, run.run_id)
    if load_mart.fn(run, "churn_outcomes")["snapshot_id"] is not None:
        with run.session("churn accuracy") as connection:
            churn_outcomes.rebuild_accuracy(connection, run.run_id)
    return {day.isoformat(): rows for day, rows in published.items()}


@step("drift")
def check_drift(run: Run, dataset: Dataset, scores: Scores, limits: DriftLimits) -> list[DriftRecord]:
    """Compare the day's customers and scores with what the model before learned from. Without one there is nothing to do."""
    before = churn_drift.model_before(dataset)
    if before is None:
        log("no approved model of an earlier day to compare with", as_of=dataset.as_of)
        return []
    records = churn_drift.compare(dataset, scores, before, limits, run.run_id)
    with run.session("drift") as connection:
        monitoring.record_drift(connection, records)
    drift.emit(churn_drift.MODEL, records)
    model_page.drift_table(records, run.first)
    return records


@step("finish")
def finish(
    run: Run,
    dataset: Dataset,
    model: ModelVersion,
    evaluation: ChurnEvaluation,
    scores: Scores,
    loaded: int,
    drifted: list[DriftRecord],
    served: str,
) -> dict[str, Any]:
    """Check that each due customer was scored or refused with a reason, then record the run and send the notification."""
    due = int(dataset.figures["due"])
    if not (
        due == dataset.rows_future + dataset.rows_refused and dataset.rows_future == scores.rows == loaded
    ):
        raise BusinessError(
            f"row counts differ for churn model {model.name}: {due} customers were due, {dataset.rows_future} were to be "
            f"scored and {dataset.rows_refused} refused, {scores.rows} were scored, {loaded} are in the warehouse."
        )
    rows = {
        "rows_raw": due,
        "rows_published": loaded,
        "rows_superseded": 0,
        "rows_quarantined": dataset.rows_refused,
    }
    record_published(run, "churn_predictions", rows)
    figures = evaluation.methods[OURS]
    moved = [record for record in drifted if record.drifted]
    headlines = {
        "model": model.name,
        "status": model.status,
        "chosen": evaluation.chosen,
        "customers": scores.rows,
        "refused": dataset.figures["future"]["refused"],
        "expected_churners": round(scores.churners, 1),
        "average_precision": _rounded(figures["average_precision"]),
        "over_rfm_rule": _rounded(evaluation.relative_precision),
        "log_loss": _rounded(figures["log_loss"]),
        "calibration_error": _rounded(figures["ece"]),
        "drifted": [f"{record.feature} = {record.value:.3f}" for record in moved],
        "endpoint": served,
    }
    audit_page.headlines_table(
        {name: value for name, value in headlines.items() if value not in ({}, [])}, run.first
    )
    message = (
        f"customer-churn {run.label} is done: model {model.name} ({model.status}), {scores.rows} customers scored, "
        f"{dataset.rows_refused} refused, {scores.churners:.0f} expected to churn, average precision "
        f"{figures['average_precision'] or 0:.4f}"
    )
    record(run, "COMPLETED", message, rows, [dataset.job_run_id] if dataset.job_run_id else [])
    alerts.send("INFO", message, run.facts())
    if moved:
        told = ", ".join(
            f"{record.feature} has PSI {record.value:.3f} (limit {record.threshold:.3f})" for record in moved
        )
        alerts.send(
            "WARNING",
            f"customers or scores as of {run.label} are not like those that churn model {moved[0].model_version} learned "
            f"from: {told}. Look at the drift table on the run's page.",
            run.facts(),
        )
    return headlines


def _is_today(run: Run) -> bool:
    return run.first == datetime.now(UTC).date()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _rounded(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 4)
