"""The gate and the registration as the flow asks for them, on moto's registry."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest

from contracts.cpg.predictions import DEMAND_PREDICTIONS
from flows import demand_forecast as flow
from tasks.errors import BusinessError
from tasks.forecast.forecast_features import Features, Inputs
from tasks.forecast.forecast_gate import Evaluation, Gate
from tasks.forecast.forecast_jobs import Evaluated, Trained
from tasks.forecast.forecast_models import registry
from tasks.models.model_registry import ModelVersion, Registration
from tasks.runs.run import Run
from tasks.services import aws
from tasks.settings import settings

DAY = date(2026, 11, 23)
RUN = Run("demand-forecast", DAY, DAY, run_id="run-1")
REPORT: dict[str, Any] = {
    "model": {"wmape": 0.1, "mape": 0.12, "bias": 0.01, "coverage80": 0.8, "pinball": 0.04},
    "seasonal_naive": {"wmape": 0.2},
    "mean4": {"wmape": 0.25},
    "rows": 100,
    "year_ago_known": 1.0,
    "where_year_ago_known": {"model": {"wmape": 0.1}, "seasonal_naive": {"wmape": 0.2}},
    "by_origin": {"2026-08-24": {"wmape": 0.1, "bias": 0.01, "coverage80": 0.8}},
}
EVALUATED = Evaluated("evaluate-1", "s3://highwater-lake/evaluation")


@pytest.fixture(autouse=True)
def evaluated(account: None, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.sagemaker().create_model_package_group(ModelPackageGroupName=settings().model_group)
    aws.s3().put_object(
        Bucket="highwater-lake", Key="evaluation/evaluation.json", Body=json.dumps(REPORT).encode()
    )
    monkeypatch.setattr(flow.model_page, "gate_table", lambda *_: None)
    monkeypatch.setattr(flow.model_page, "plot", lambda *_: None)


def approved(horizon: str = "13", as_of: str = "2026-11-16", **figures: str) -> ModelVersion:
    metadata = {"as_of": as_of, "horizon_weeks": horizon, **figures}
    work = f"{as_of}{horizon}".ljust(24, "a")
    return registry().register(work, "s3://a/m.tar.gz", "image", EVALUATED.report, metadata, "Approved")


def judged(gate: Gate = Gate()) -> Evaluation:  # noqa: B008
    return flow.judge.fn(RUN, gate, EVALUATED, 13)


def test_a_much_better_approved_model_of_the_same_horizon_keeps_a_worse_one_out() -> None:
    approved(relative_wmape="0.3")
    with pytest.raises(BusinessError, match=r"share of naive = 0\.5000 \(limit 0\.3150\) FAILED"):
        judged()


def test_of_another_horizon_or_no_better_it_keeps_nothing_out() -> None:
    approved("3", relative_wmape="0.3")
    assert judged().relative_wmape == pytest.approx(0.5)


def test_as_good_as_the_approved_one_is_good_enough() -> None:
    approved(relative_wmape="0.5")
    assert judged().relative_wmape == pytest.approx(0.5)


def test_models_that_grew_a_little_worse_each_week_are_compared_with_the_best_of_them() -> None:
    """Each within 2% of the one before it: ours is 3% worse than the newest and 28% worse than the first."""
    for week in range(12):
        approved(
            as_of=f"{date(2026, 8, 31) + timedelta(weeks=week)}", relative_wmape=f"{0.39 * 1.0199**week:.4f}"
        )
    with pytest.raises(BusinessError, match=r"share of naive = 0\.5000 \(limit 0\.4095\) FAILED"):
        judged()
    assert judged(Gate(compared_with=1)).relative_wmape == pytest.approx(0.5)


def test_what_was_good_long_ago_is_forgotten() -> None:
    approved(as_of="2026-08-24", relative_wmape="0.3")
    for week in range(12):
        approved(as_of=f"{date(2026, 8, 31) + timedelta(weeks=week)}", relative_wmape="0.49")
    assert judged().relative_wmape == pytest.approx(0.5)


def test_one_approved_model_without_its_figure_does_not_hide_the_others() -> None:
    approved(as_of="2026-11-09", relative_wmape="0.3")
    approved(as_of="2026-11-16")
    with pytest.raises(BusinessError, match=r"share of naive = 0\.5000 \(limit 0\.3150\) FAILED"):
        judged()


def test_an_approved_model_that_does_not_say_how_good_it_was_stops_the_gate() -> None:
    approved()
    with pytest.raises(BusinessError, match=r"share of naive = 0\.5000 \(limit unknown\) FAILED"):
        judged()


def test_a_model_is_registered_with_all_that_it_came_from() -> None:
    inputs = Inputs(DAY, 13, {"sales": 7, "inventory": None}, 1000)
    features = Features(inputs, "s3://highwater-lake/ml/f", {}, None)
    trained = Trained("train-1", "s3://a/m.tar.gz", "c0dec0dec0de")
    made = flow.register_model.fn(RUN, features, trained, EVALUATED, Evaluation.read(REPORT), Registration())
    assert made.status == "PendingManualApproval"
    assert dict(made.metadata) == {
        "work": f"{inputs.key}c0dec0de",
        "as_of": "2026-11-23",
        "horizon_weeks": "13",
        "run_id": "run-1",
        "code_version": "c0dec0dec0de",
        "release": settings().code_version,
        "contract_version": DEMAND_PREDICTIONS.version,
        "image": settings().xgboost_image,
        "training_job": "train-1",
        "wmape": "0.1",
        "mape": "0.12",
        "bias": "0.01",
        "coverage80": "0.8",
        "pinball": "0.04",
        "relative_wmape": "0.5",
        "seasonal_naive_wmape": "0.2",
        "mean4_wmape": "0.25",
        "snapshot.sales": "7",
        "snapshot.inventory": "None",
    }
