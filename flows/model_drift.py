"""The weekly drift check: have the inputs or the errors of the model in use moved away from training?

features (as of today, the forecast's own step) ─► PSI per feature ─┬► MONITORING.MODEL_DRIFT, CloudWatch ─► alert
closed weeks' errors (all versions published) ────► WMAPE ratio ────┘
"""

from __future__ import annotations

from datetime import date
from typing import Any

from prefect import flow, runtime
from prefect.client.schemas.objects import State

from flows.demand_forecast import Horizon, MinimumWeeks, as_of_or_today, features_of
from tasks.errors import DataError, HighwaterError
from tasks.forecast import forecast_accuracy, forecast_features
from tasks.forecast import model_drift as forecast_drift
from tasks.forecast.forecast_models import registry
from tasks.forecast.model_drift import Limits
from tasks.models import drift, model_page
from tasks.models.model_registry import ModelVersion
from tasks.runs import alerts, monitoring
from tasks.runs.business_day import scheduled_today
from tasks.runs.endings import ended_badly, notify_of_refusal, stop_external_jobs
from tasks.runs.monitoring import DriftRecord
from tasks.runs.run import Run, guarded, record
from tasks.step import step


def _run_name() -> str:
    return f"model-drift {runtime.flow_run.parameters.get('as_of') or scheduled_today()}"


@flow(
    name="model-drift",
    flow_run_name=_run_name,
    timeout_seconds=4 * 3600,
    persist_result=True,  # what the run returned can be read from any machine
    on_cancellation=[stop_external_jobs],
    on_crashed=[stop_external_jobs],
    on_failure=[notify_of_refusal],
)
def model_drift(
    as_of: date | None = None,
    horizon_days: Horizon = 90,
    limits: Limits = Limits(),  # noqa: B008 - Prefect shows it in the form, nobody changes it
    minimum_weeks: MinimumWeeks = forecast_features.MINIMUM_WEEKS,
) -> dict[str, Any] | State[Any]:
    """Compare recent weeks with the training data of the model in use: the newest approved model, or else the newest.

    Args:
        as_of: The day of the check. Leave empty for today.
        horizon_days: The forecast's horizon. If it matches a forecast run of the same day, that run's features are reused.
        limits: The limits above which a WARNING is sent.
        minimum_weeks: Required sales history, in weeks, as in the forecast's run.
    """
    try:
        day = as_of_or_today(as_of)
        run = Run("model-drift", day, day, {"limits": limits.model_dump()})
        with guarded(run):
            model = model_in_use()
            features_of(run, horizon_days, minimum_weeks)
            records = compare(run, model, limits)
            return report(run, model, records)
    except HighwaterError as error:
        return ended_badly(error)


@step("model in use")
def model_in_use() -> ModelVersion:
    model = registry().newest("Approved") or registry().newest()
    if model is None:
        raise DataError(
            "no model is registered yet, so there is nothing to compare with: run the forecast first."
        )
    return model


@step("compare")
def compare(run: Run, model: ModelVersion, limits: Limits) -> list[DriftRecord]:
    trained, expected = drift.at_training(model), forecast_drift.errors_at_training(model)
    versions = registry().alike_names(model)
    records = forecast_drift.compare_features(trained, run.first, limits, model, run.run_id)
    with run.session("compare errors") as connection:
        forecast_accuracy.refresh(connection)
        records.append(
            forecast_drift.compare_errors(
                connection, run.first, limits, model, versions, expected, run.run_id
            )
        )
        monitoring.record_drift(connection, records)
    drift.emit("demand-forecast", records)
    model_page.drift_table(records, run.first)
    return records


@step("report")
def report(run: Run, model: ModelVersion, records: list[DriftRecord]) -> dict[str, Any]:
    drifted = [r for r in records if r.drifted]
    lines = [f"{r.metric} {r.feature}".strip() + f" = {r.value:.3f} (limit {r.threshold:g})" for r in drifted]
    message = f"model {model.name} as of {run.label}: {len(drifted)} of {len(records)} figures drifted"
    if drifted:
        alerts.send("WARNING", "; ".join([message, *lines[:20]]), run.facts())
    record(run, "COMPLETED", message)
    return {"model": model.name, "figures": len(records), "drifted": lines}
