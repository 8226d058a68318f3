"""Customer churn: who will not order again within the horizon, how likely, and why.

gold features ─► feature store ─► dataset (Spark) ─► outcomes ─► tune ─► evaluate ─► gate ─► register ─► predict
                 (online, offline) as known at each day                              └─ a rule fails: nothing is registered
predict ─► publish ─► load, gold ─► drift ─► endpoint, if asked: challenger, then champion
"""

from __future__ import annotations

import warnings
from datetime import UTC, date, datetime
from typing import Annotated, Any

from prefect import flow, runtime
from prefect.client.schemas.objects import State
from pydantic import Field

from flows.model_approval import with_decision
from tasks.churn import churn_steps as steps
from tasks.churn.churn_dataset import STALE_DAYS
from tasks.churn.churn_drift import DriftLimits
from tasks.churn.churn_gate import ChurnGate
from tasks.churn.churn_inputs import MINIMUM_DUE
from tasks.churn.churn_serving import serve, try_report_ab
from tasks.churn.churn_training import Tuning
from tasks.errors import DataError, HighwaterError
from tasks.models.model_registry import Registration
from tasks.runs.endings import ended_badly, notify_of_refusal, stop_external_jobs
from tasks.runs.run import Run, guarded
from tasks.serving.rollout import Rollout

_HOURS = 3600
# Prefect builds a pydantic model of the parameters, and pydantic warns that `register` shadows a class method.
warnings.filterwarnings("ignore", message='Field name "register" in "Customer_Churn')
Horizon = Annotated[
    int, Field(ge=7, le=182, description="a customer has churned who orders nothing for so many days")
]
StaleDays = Annotated[int, Field(ge=0, description="greatest age of the last order, in days")]
MinimumDue = Annotated[int, Field(ge=50, description="fewest customers that a model can learn from")]


def _run_name() -> str:
    return f"customer-churn {runtime.flow_run.parameters.get('as_of') or _scheduled()}"


def as_of_or_today(as_of: date | None) -> date:
    """The requested day, or that for which the run was scheduled, in UTC. Of a day to come nobody knows the features."""
    today = datetime.now(UTC).date()
    if as_of and as_of > today:
        raise DataError(f"as_of {as_of} is in the future: today is {today} (UTC). Choose today or earlier.")
    return as_of or min(_scheduled(), today)


def _scheduled() -> date:
    """A run that waits for approval over midnight, or is taken up on the next day, stays with its day."""
    return (runtime.flow_run.scheduled_start_time or datetime.now(UTC)).astimezone(UTC).date()


@flow(
    name="customer-churn",
    flow_run_name=_run_name,
    timeout_seconds=80 * _HOURS,  # approval may take up to three days; every job has its own shorter timeout
    persist_result=True,  # what the run returned can be read from any machine
    on_cancellation=[stop_external_jobs],
    on_crashed=[stop_external_jobs],
    on_failure=[notify_of_refusal],
)
def customer_churn(
    as_of: date | None = None,
    horizon_days: Horizon = 90,
    change_horizon: bool = False,
    tune: Tuning = Tuning(),  # noqa: B008 - Prefect shows it in the form, nobody changes it
    gate: ChurnGate = ChurnGate(),  # noqa: B008
    register: Registration = Registration(),  # noqa: B008
    deploy: Rollout | None = None,
    minimum_due: MinimumDue = MINIMUM_DUE,
    stale_days: StaleDays = STALE_DAYS,
    limits: DriftLimits = DriftLimits(),  # noqa: B008
) -> dict[str, Any] | State[Any]:
    """Score how likely each customer is to order nothing in the next days, if the model is good enough.

    Rerunning a day is safe: finished jobs are not repeated, and the day's scores are replaced.

    Args:
        as_of: The day of the scoring (UTC): only orders from before this day are used. Leave empty for today.
        horizon_days: A customer has churned who orders nothing for so many days.
        change_horizon: Let this run's horizon take the place of the published scores' horizon, once its model is approved.
            Otherwise a run with another horizon than the approved model's is refused.
        tune: How many settings of the model are tried. With one trial, the default settings are used.
        gate: What the model must achieve. If any rule fails, nothing is registered or published.
        register: What to do with a model that passed the gate.
        deploy: How an approved model gets to the endpoint. Leave empty to leave the endpoint as it is.
        minimum_due: Required number of customers with an order in the 180 days before the day.
        stale_days: How many days before the day the last order may be. If it is older, orders are perhaps missing.
        limits: The limits of drift above which a WARNING is sent.
    """
    try:
        day = as_of_or_today(as_of)
        parameters = {
            "horizon_days": horizon_days,
            "change_horizon": change_horizon,
            "tune": tune.model_dump(),
            "gate": gate.model_dump(),
            "register": register.model_dump(),
            "deploy": deploy and deploy.model_dump(),
            "minimum_due": minimum_due,
            "stale_days": stale_days,
            "limits": limits.model_dump(),
        }
        run = Run("customer-churn", day, day, parameters)
        with guarded(run):
            if not change_horizon:
                steps.check_horizon(horizon_days)
            return _churn(run, horizon_days, tune, gate, register, deploy, minimum_due, stale_days, limits)
    except HighwaterError as error:
        return ended_badly(error)


def _churn(
    run: Run,
    horizon_days: int,
    tune: Tuning,
    gate: ChurnGate,
    register: Registration,
    deploy: Rollout | None,
    minimum_due: int,
    stale_days: int,
    limits: DriftLimits,
) -> dict[str, Any]:
    steps.fill_feature_store(run)
    dataset = steps.make_dataset(run, horizon_days, minimum_due, stale_days)
    steps.check_outcomes(run, dataset)
    try_report_ab(run, dataset)
    trained = steps.train(run, dataset, tune)
    evaluated = steps.evaluate(run, dataset, trained)
    evaluation = steps.judge(run, gate, trained, evaluated, horizon_days)
    model = steps.register_model(run, dataset, trained, evaluated, evaluation, register)
    model = with_decision(run, model, register)
    scores = steps.predict(run, dataset, model)
    steps.publish(run, dataset, model, scores)
    loaded = steps.load(run, dataset)
    drifted = steps.check_drift(run, dataset, scores, limits)
    served = serve(run, dataset, model, deploy) if deploy else "as it was"
    return steps.finish(run, dataset, model, evaluation, scores, loaded, drifted, served)
