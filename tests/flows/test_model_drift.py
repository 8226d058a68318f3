"""What the drift check asks for on its own schedule: a Wednesday, two days after the newest model was made."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import date
from typing import Any

import pytest

from flows import model_drift as flow
from tasks.forecast.forecast_models import registry
from tasks.forecast.model_drift import Limits
from tasks.runs.monitoring import DriftRecord
from tasks.runs.run import Run
from tasks.services import aws

WEDNESDAY = date(2026, 11, 25)
ERRORS = DriftRecord("r", WEDNESDAY, "v2", "wmape_ratio", "", 1.5, 1.25, True, 9)


def test_errors_are_compared_over_the_models_before_the_newest(
    account: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.sagemaker().create_model_package_group(ModelPackageGroupName="highwater-demand-forecast")
    for number, day in enumerate(("2026-11-16", "2026-11-23")):
        registry().register(
            f"{number}" * 24,
            "s3://a/model.tar.gz",
            "image",
            "s3://highwater-lake/evaluation.json",
            {"as_of": day, "horizon_weeks": "13"},
            "Approved",
        )
    aws.s3().put_object(
        Bucket="highwater-lake", Key="evaluation.json", Body=b'{"by_lead_time": {"1": {"wmape": 0.2}}}'
    )
    asked: list[Any] = []
    monkeypatch.setattr(Run, "session", lambda *_: nullcontext("connection"))
    monkeypatch.setattr(flow.drift, "at_training", lambda _: {})
    monkeypatch.setattr(flow.forecast_drift, "compare_features", lambda *_: [])
    monkeypatch.setattr(flow.forecast_drift, "compare_errors", lambda *given: asked.append(given) or ERRORS)
    monkeypatch.setattr(flow.forecast_accuracy, "refresh", lambda _: None)
    monkeypatch.setattr(flow.monitoring, "record_drift", lambda *_: None)
    monkeypatch.setattr(flow.model_page, "drift_table", lambda *_: None)
    model = flow.model_in_use.fn()
    run = Run("model-drift", WEDNESDAY, WEDNESDAY, run_id="r")
    assert flow.compare.fn(run, model, Limits()) == [ERRORS]
    assert asked == [("connection", WEDNESDAY, Limits(), model, ("v2", "v1"), {1: 0.2}, "r")]
