"""The demand forecast: weekly units per SKU and region, with a prediction interval, for every week of the horizon.

pin ─► features (Spark) ─► publish ─┬► train    ─┬► gate ─► register ─► predict ─► contract ─► load ─► accuracy
       of named snapshots  (Iceberg)└► evaluate ─┘  └─ a rule fails: nothing is registered or published
"""

from __future__ import annotations

import warnings
from dataclasses import asdict
from datetime import date, timedelta
from typing import Annotated, Any

from prefect import flow, runtime
from prefect.client.schemas.objects import State
from pydantic import Field

from contracts.cpg.predictions import DEMAND_PREDICTIONS
from flows.model_approval import with_decision
from tasks.errors import BusinessError, DataError, HighwaterError
from tasks.forecast import forecast_accuracy, forecast_features, forecast_gate, forecast_jobs, predictions
from tasks.forecast.forecast_features import Features, Inputs
from tasks.forecast.forecast_gate import FIGURES, Evaluation, Gate
from tasks.forecast.forecast_jobs import Evaluated, Trained
from tasks.forecast.forecast_models import registry
from tasks.forecast.predictions import Predictions
from tasks.models import model_page, model_registry
from tasks.models.model_registry import ModelVersion, Registration
from tasks.models.verdicts import Approved
from tasks.publishing import audit_page
from tasks.runs import alerts
from tasks.runs.business_day import business_today, scheduled_today
from tasks.runs.endings import ended_badly, notify_of_refusal, stop_external_jobs
from tasks.runs.run import Run, guarded, record, record_published
from tasks.settings import settings
from tasks.step import step

_HOURS = 3600
RELATIVE_WMAPE = "relative_wmape"
# Prefect builds a pydantic model of the parameters, and pydantic warns that `register` shadows a class method.
warnings.filterwarnings("ignore", message='Field name "register" in "Demand_Forecast')
Horizon = Annotated[
    int, Field(ge=7, le=182, description="days to forecast, rounded up to whole weeks: 90 days are 13 weeks")
]
MinimumWeeks = Annotated[
    int,
    Field(
        ge=forecast_features.FEWEST_WEEKS,
        description="minimum weeks of sales history. With less than a year plus the horizon, the model cannot learn "
        "seasonality and the seasonal naive method has no forecasts",
    ),
]


def as_of_or_today(as_of: date | None) -> date:
    """The requested day, or today. Tomorrow is allowed: its forecast uses all of today's sales."""
    chosen = as_of or scheduled_today()
    if chosen > business_today() + timedelta(days=1):
        raise DataError(
            f"as_of {chosen} is in the future: today is {business_today()}. Choose today or earlier."
        )
    return chosen


def _run_name() -> str:
    return f"demand-forecast {runtime.flow_run.parameters.get('as_of') or scheduled_today()}"


@flow(
    name="demand-forecast",
    flow_run_name=_run_name,
    timeout_seconds=80 * _HOURS,  # approval may take up to three days; every job has its own shorter timeout
    persist_result=True,  # what the run returned can be read from any machine
    on_cancellation=[stop_external_jobs],
    on_crashed=[stop_external_jobs],
    on_failure=[notify_of_refusal],
)
def demand_forecast(
    as_of: date | None = None,
    horizon_days: Horizon = 90,
    gate: Gate = Gate(),  # noqa: B008 - Prefect shows it in the form, nobody changes it
    register: Registration = Registration(),  # noqa: B008
    minimum_weeks: MinimumWeeks = forecast_features.MINIMUM_WEEKS,
) -> dict[str, Any] | State[Any]:
    """Forecast weekly demand per SKU and region, and publish it if the model is good enough.

    Rerunning a day is safe: finished jobs are not repeated, and forecasts are merged.

    Args:
        as_of: The day the forecast is made: only data from before this day is used. Leave empty for today.
        horizon_days: How far ahead to forecast, in days, rounded up to whole weeks.
        gate: What the model must achieve. If any rule fails, nothing is registered or published.
        register: What to do with a model that passed the gate.
        minimum_weeks: Required sales history, in weeks. With less, the run fails and reports how many weeks there are.
    """
    try:
        day = as_of_or_today(as_of)
        parameters = {
            "horizon_days": horizon_days,
            "gate": gate.model_dump(),
            "register": register.model_dump(),
            "minimum_weeks": minimum_weeks,
        }
        run = Run("demand-forecast", day, day, parameters)
        with guarded(run):
            features = features_of(run, horizon_days, minimum_weeks)
            trained, evaluated = train_and_evaluate(run, features)
            evaluation = judge(run, gate, evaluated, features.inputs.horizon_weeks)
            model = register_model(run, features, trained, evaluated, evaluation, register)
            model = with_decision(run, model, register)
            accepted = predict(run, features, model)
            loaded = load(run, accepted)
            accuracy(run)
            return finish(run, features, model, evaluation, accepted, loaded)
    except HighwaterError as error:
        return ended_badly(error)


def features_of(run: Run, horizon_days: int, minimum_weeks: int) -> Features:
    """Build, check and publish the features. Shared with the drift check, which compares them with the training data."""
    inputs = pin(run, horizon_days, minimum_weeks)
    features = make_features(inputs, run.run_id, run.owner)
    check_features(run, features)
    publish_features(features, run.run_id)
    return features


def train_and_evaluate(run: Run, features: Features) -> tuple[Trained, Evaluated]:
    """Train and evaluate in parallel: the backtest trains its own models, so neither depends on the other."""
    training = train.submit(features, run.owner)
    evaluated = evaluate(features, run.owner)
    return training.result(), evaluated


@step("pin snapshots")
def pin(run: Run, horizon_days: int, minimum_weeks: int) -> Inputs:
    with run.session("pin snapshots") as connection:
        return forecast_features.pin(connection, run.first, horizon_days, minimum_weeks)


@step("features")
def make_features(inputs: Inputs, run_id: str, owner: str) -> Features:
    return forecast_features.build(inputs, run_id, owner)


@step("check features")
def check_features(run: Run, features: Features) -> None:
    with run.session("check features") as connection:
        forecast_features.check(connection, features)


@step("publish features")
def publish_features(features: Features, run_id: str) -> int | None:
    return forecast_features.publish(features, run_id)


@step("train")
def train(features: Features, owner: str) -> Trained:
    return forecast_jobs.train(features, owner)


@step("evaluate")
def evaluate(features: Features, owner: str) -> Evaluated:
    return forecast_jobs.evaluate(features, owner)


@step("gate")
def judge(run: Run, gate: Gate, evaluated: Evaluated, horizon_weeks: int) -> Evaluation:
    """Apply the gate. The metrics and the plot are put on the run's page first, so that they are there if it fails.

    A model is only compared with models of the same horizon, because every method's error grows with the lead time.
    """
    evaluation = forecast_gate.read_evaluation(evaluated.report)
    others = registry().last(gate.compared_with, "Approved", horizon_weeks)
    approved = Approved.of(model.figure(RELATIVE_WMAPE) for model in others)
    verdicts = forecast_gate.judge(gate, evaluation, approved)
    compared = model_page.compared_with([model.name for model in others])
    backtest = f"Gate of the model as of {run.first}, backtest of {evaluation.rows} rows, {compared}"
    model_page.gate_table("model-gate", backtest, verdicts, figures_of(evaluation))
    model_page.plot("forecast-plot", f"Forecast as of {run.first}", evaluated.plot)
    forecast_gate.require(verdicts, run.label)
    return evaluation


def figures_of(evaluation: Evaluation) -> dict[str, dict[str, float | None]]:
    methods = {"model": evaluation.model, **evaluation.naive}
    return {
        name: {figure: getattr(scores, figure) for figure in FIGURES if figure != "mape"}
        for name, scores in methods.items()
    }


@step("register")
def register_model(
    run: Run,
    features: Features,
    trained: Trained,
    evaluated: Evaluated,
    evaluation: Evaluation,
    registration: Registration,
) -> ModelVersion:
    figures = {**asdict(evaluation.model), RELATIVE_WMAPE: evaluation.relative_wmape}
    naive = {f"{name}_wmape": scores.wmape for name, scores in evaluation.naive.items()}
    metadata = {
        model_registry.AS_OF: run.label,
        model_registry.HORIZON_WEEKS: str(features.inputs.horizon_weeks),
        "run_id": run.run_id,
        "code_version": trained.code_version,
        "release": settings().code_version,
        "contract_version": DEMAND_PREDICTIONS.version,
        "image": settings().xgboost_image,
        "training_job": trained.job,
        **{name: f"{value:.6g}" for name, value in {**figures, **naive}.items() if value is not None},
        **{f"snapshot.{name}": str(snapshot) for name, snapshot in features.inputs.snapshots.items()},
    }
    status: model_registry.Status = "Approved" if registration.auto_approve else "PendingManualApproval"
    return registry().register(
        f"{features.inputs.key}{trained.code_version[:8]}",
        trained.model_data,
        settings().xgboost_image,
        evaluated.report,
        metadata,
        status,
    )


@step("predict")
def predict(run: Run, features: Features, model: ModelVersion) -> Predictions:
    answers = forecast_jobs.predict(features, model, run.owner)
    return predictions.accept(features, model, answers, run.run_id)


@step("load predictions")
def load(run: Run, accepted: Predictions) -> int:
    with run.session("load predictions") as connection:
        return predictions.load(connection, accepted, business_today())


@step("accuracy")
def accuracy(run: Run) -> None:
    """Fill in actuals right away: a forecast of past weeks already has them."""
    with run.session("accuracy") as connection:
        forecast_accuracy.refresh(connection)


@step("finish")
def finish(
    run: Run,
    features: Features,
    model: ModelVersion,
    evaluation: Evaluation,
    accepted: Predictions,
    loaded: int,
) -> dict[str, Any]:
    """Check that no rows were lost between features and predictions, then record the run and send the notification."""
    if not features.rows_future == accepted.rows == loaded:
        raise BusinessError(
            f"row counts differ for model {model.name}: {features.rows_future} rows to forecast, {accepted.rows} "
            f"predictions, {loaded} rows in the warehouse."
        )
    rows = {
        "rows_raw": features.rows_future,
        "rows_published": loaded,
        "rows_superseded": 0,
        "rows_quarantined": 0,
    }
    record_published(run, "demand_predictions", rows)
    headlines = {
        "model": model.name,
        "status": model.status,
        "series": features.figures["series"],
        "weeks": features.inputs.horizon_weeks,
        "predictions": loaded,
        "units": round(accepted.units, 1),
        "by_type": accepted.by_type,
        "wmape": evaluation.model.wmape,
        "wmape_share_of_naive": evaluation.relative_wmape,
    }
    audit_page.headlines_table(headlines, run.first)
    message = (
        f"demand-forecast {run.label} is done: model {model.name} ({model.status}), {loaded} predictions for "
        f"{headlines['series']} series x {headlines['weeks']} weeks, WMAPE {evaluation.model.wmape:.4f}"
    )
    record(run, "COMPLETED", message, rows, [job for job in (features.job_run_id,) if job])
    alerts.send("INFO", message, run.facts())
    return headlines
