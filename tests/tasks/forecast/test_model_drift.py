"""Drift: the index against values worked out by hand, counting against plain Python, and what is told of it."""

from __future__ import annotations

import io
import json
import math
import random
import tarfile
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import SystemFault
from tasks.forecast import forecast_features, model_drift
from tasks.forecast.forecast_features import Features, Inputs
from tasks.forecast.model_drift import Limits, closed_weeks, errors_at_training
from tasks.models import drift
from tasks.models.drift import Distribution, at_training, psi
from tasks.models.model_registry import ModelVersion
from tasks.runs.monitoring import DriftRecord
from tasks.services import aws

MODEL = ModelVersion(
    "arn",
    2,
    "Approved",
    {"horizon_weeks": "3"},
    "s3://highwater-lake/models/model.tar.gz",
    "image",
    "s3://highwater-lake/evaluation.json",
)
DAY = date(2026, 11, 23)
SHARES = st.lists(st.floats(0.01, 1), min_size=4, max_size=4).map(lambda x: [v / sum(x) for v in x])


def test_psi_by_hand() -> None:
    assert psi([0.5, 0.5], [0.5, 0.5]) == 0
    assert psi([0.5, 0.5], [0.25, 0.75]) == pytest.approx(0.25 * math.log(2) + 0.25 * math.log(1.5))
    assert psi([1.0, 0.0], [0.0, 1.0]) == pytest.approx(
        2 * (1 - 1e-4) * math.log(1e4)
    )  # an empty bin is not infinite
    with pytest.raises(ValueError, match="2 and 3 bins"):
        psi([0.5, 0.5], [0.2, 0.3, 0.5])


def test_few_rows_differ_by_chance() -> None:
    """Of 1000 samples of 60 rows from the very same distribution hardly one is past what chance is given."""
    draw = random.Random(3)
    past = 0
    for _ in range(1000):
        drawn = [draw.randrange(10) for _ in range(60)]
        past += psi([0.1] * 10, [drawn.count(bin_) / 60 for bin_ in range(10)]) > drift.chance(10, 60)
    assert past < 60  # an empty bin weighs more than chi-squared says
    assert drift.chance(10, 4000) < 0.006


@given(SHARES, SHARES)
def test_psi_is_symmetric_and_never_negative(one: list[float], other: list[float]) -> None:
    assert psi(one, other) == pytest.approx(psi(other, one))
    assert psi(one, other) >= 0


@given(
    st.lists(st.one_of(st.none(), st.floats(-10, 10))),
    st.lists(st.integers(-9, 9), min_size=1, max_size=5, unique=True),
)
def test_counting_agrees_with_plain_python(values: list[float | None], edges: list[int]) -> None:
    cuts = sorted(float(edge) for edge in edges)
    expected = [0] * (len(cuts) + 2)
    for value in values:
        position = -1 if value is None else sum(value >= cut for cut in cuts)
        expected[position] += 1
    trained = Distribution(tuple(cuts), (1 / (len(cuts) + 1),) * (len(cuts) + 1), 0.0)
    assert trained.count(pa.array(values, pa.float64())) == expected


def test_flags_and_whole_numbers_are_counted_too() -> None:
    trained = Distribution((1.0,), (0.7, 0.3), 0.0)
    assert trained.count(pa.array([True, False, None])) == [1, 1, 1]
    assert trained.count(pa.array([0, 1, 2], pa.int32())) == [1, 2, 0]


def archive(**files: str) -> None:
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name.replace("_", "."))
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    aws.s3().put_object(Bucket="highwater-lake", Key="models/model.tar.gz", Body=body.getvalue())


def test_the_training_is_read_from_the_models_own_archive(account: None) -> None:
    lag = {"edges": [1, 2], "shares": [0.2, 0.3, 0.4], "missing": 0.1}
    archive(metadata_json=json.dumps({"distributions": {"lag_1": lag}}))
    assert at_training(MODEL) == {"lag_1": Distribution((1, 2), (0.2, 0.3, 0.4), 0.1)}


@pytest.mark.parametrize("files", [{}, {"metadata_json": "{}"}, {"metadata_json": "no json"}])
def test_a_model_that_does_not_say_is_a_fault(account: None, files: dict[str, str]) -> None:
    archive(**files)
    with pytest.raises(SystemFault, match="Train a new model"):
        at_training(MODEL)


def record(metric: str, value: float | None, drifted: bool) -> DriftRecord:
    return DriftRecord("r", DAY, "v2", metric, "x", value, 0.25, drifted, 9)


def test_cloudwatch_gets_three_figures(account: None) -> None:
    drift.emit(
        "demand-forecast",
        [record("psi", 0.1, False), record("psi", 0.4, True), record("wmape_ratio", 1.5, True)],
    )
    found = aws.cloudwatch().list_metrics(Namespace="Highwater/Models")["Metrics"]
    assert {metric["MetricName"] for metric in found} == {
        "feature_psi_max",
        "features_drifted",
        "wmape_ratio",
    }


def evaluated(content: Any) -> None:
    aws.s3().put_object(Bucket="highwater-lake", Key="evaluation.json", Body=json.dumps(content).encode())


def test_the_errors_to_expect_are_those_of_the_models_own_backtest(account: None) -> None:
    evaluated({"by_lead_time": {"1": {"wmape": 0.2}, "2": {"wmape": None}, "13": {"wmape": 0.4}}})
    assert errors_at_training(MODEL) == {1: 0.2, 13: 0.4}


@pytest.mark.parametrize("content", [{}, [], {"by_lead_time": []}, {"by_lead_time": {"1": {}}}])
def test_a_backtest_without_errors_by_lead_time_is_a_fault(account: None, content: Any) -> None:
    evaluated(content)
    with pytest.raises(SystemFault, match=r"evaluation\.json has no errors by lead time"):
        errors_at_training(MODEL)


@pytest.mark.parametrize("day", range(7))
def test_on_every_weekday_as_many_closed_weeks_are_compared_as_were_asked_for(day: int) -> None:
    as_of = DAY + timedelta(days=day)
    assert closed_weeks(as_of, 1) == (DAY - timedelta(weeks=1), DAY)
    assert closed_weeks(as_of, 8) == (DAY - timedelta(weeks=8), DAY)


def test_the_features_of_those_weeks_are_counted(empty_lake: None) -> None:
    """As of the Sunday: of a series with a row in each of twelve weeks, the open one last."""
    as_of = DAY + timedelta(days=6)
    weeks = [DAY - timedelta(weeks=back) for back in range(11, -1, -1)]
    future = [DAY + timedelta(weeks=1)]
    columns = {
        "sku_code": ["S1"] * 13,
        "week": pa.array(weeks + future, pa.date32()),
        "as_of": pa.array([as_of] * 13, pa.date32()),
        "is_future": [False] * 12 + [True],
        "lag_1": [float(number) for number in range(13)],
    }
    body = io.BytesIO()
    pq.write_table(pa.table(columns), body)
    aws.glue().create_database(DatabaseInput={"Name": "ml"})
    aws.s3().put_object(Bucket="highwater-lake", Key="ml/w1/features/part.parquet", Body=body.getvalue())
    made = Features(Inputs(as_of, 1, {}, 0), "s3://highwater-lake/ml/w1", {}, None)
    forecast_features.publish(made, "r")
    trained = {"lag_1": Distribution((5.0, 10.0), (0.4, 0.5, 0.1), 0.0)}
    eight, one = (
        model_drift.compare_features(trained, as_of, Limits(weeks=weeks), MODEL, "r")[0] for weeks in (8, 1)
    )
    assert (eight.rows_compared, one.rows_compared) == (8, 1)  # lags 3 to 10, and the last of them
    assert eight.value == pytest.approx(psi([0.4, 0.5, 0.1, 0], [0.25, 0.625, 0.125, 0]))
    assert one.value == pytest.approx(psi([0.4, 0.5, 0.1, 0], [0, 0, 1, 0]))
