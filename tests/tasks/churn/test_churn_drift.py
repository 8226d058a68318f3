"""Drift: which model a day is compared with, and by values how far its customers and scores have moved."""

from __future__ import annotations

import json
from datetime import date

import pyarrow as pa
import pytest

from tasks.churn import churn_drift, churn_steps
from tasks.churn.churn_drift import DriftLimits
from tasks.churn.churn_models import registry
from tasks.churn.churn_scores import Scores
from tasks.models import drift
from tasks.models.model_registry import ModelVersion, Status
from tasks.runs.monitoring import DriftRecord
from tasks.runs.run import Run
from tasks.services import aws
from tasks.settings import settings
from tests.local.aws.conftest import archive
from tests.tasks.churn.churn_day import AS_OF, dataset, model, put, put_customers

FOURTHS = {"edges": [10.0, 20.0, 30.0], "shares": [0.25, 0.25, 0.25, 0.25], "missing": 0.0}
MOSTLY_KNOWN = {"edges": [1.0], "shares": [0.5, 0.4], "missing": 0.1}
ALIKE = [float(value % 40) for value in range(4000)]
BEFORE = model(6)
SCORES = "s3://highwater-lake/ml/churn_predictions/data/w-1/part-00000.parquet"


@pytest.fixture
def group(account: None) -> None:
    aws.sagemaker().create_model_package_group(ModelPackageGroupName=settings().churn_model_group)


def register(day: str, status: Status = "Approved", horizon: int = 90) -> ModelVersion:
    work = f"{day}{status}{horizon}".ljust(36, "a")
    metadata = {"as_of": day, "horizon_days": str(horizon)}
    return registry().register(work, "s3://a/m.tar.gz", "image", "s3://a/e.json", metadata, status)


def test_the_model_before_is_the_newest_approved_one_of_an_earlier_day(group: None) -> None:
    assert churn_drift.model_before(dataset()) is None
    older, newer = register("2026-02-08"), register("2026-02-15")
    register("2026-02-22", "PendingManualApproval")
    register("2026-02-23", "Rejected")
    register("2026-02-24", horizon=60)
    register("2026-03-01")  # of the same day, as a repeated run finds it
    register("2026-03-08")
    register("2026-02-01")  # an old day that was run again
    assert churn_drift.model_before(dataset()) == newer
    assert churn_drift.model_before(dataset(as_of=date(2026, 2, 15))) == older
    assert churn_drift.model_before(dataset(as_of=date(2026, 2, 1))) is None


def test_a_model_that_does_not_tell_its_day_is_passed_over(group: None) -> None:
    told = register("2026-02-08")
    registry().register(
        "w" * 36, "s3://a/m.tar.gz", "image", "s3://a/e.json", {"horizon_days": "90"}, "Approved"
    )
    assert churn_drift.model_before(dataset()) == told


def compare(
    recency: list[float | None], probability: list[float], psi_max: float = 0.25
) -> dict[str, DriftRecord]:
    learned = {"recency_days": FOURTHS, "orders_90d": MOSTLY_KNOWN, "days_since_first_order": FOURTHS}
    told = json.dumps({"distributions": {**learned, "probability": {**FOURTHS, "edges": [0.1, 0.2, 0.3]}}})
    put(BEFORE.model_data, archive({"metadata.json": told}))
    columns = {
        "recency_days": pa.array(recency, pa.float64()),
        "orders_90d": pa.array([[0, 0, 0, 0, 0, 1, 2, 3, 4, None][place % 10] for place in range(len(recency))]),
        "customer_id": ["C"] * len(recency),
    }
    half = len(recency) // 2
    whole = pa.table(columns)
    put_customers(dataset(), whole.slice(0, half), whole.slice(half))
    put(SCORES, pa.table({"probability": probability}))
    scores = Scores("v7", (SCORES,), len(recency), 1.0)
    limits = DriftLimits(psi_max=psi_max)
    records = churn_drift.compare(dataset(), scores, BEFORE, limits, "run-1")
    found = {record.feature: record for record in records}
    assert len(found) == len(records)
    return found


def test_customers_like_those_that_were_learned_from_have_not_drifted(account: None) -> None:
    found = compare([*ALIKE], [value / 100 for value in ALIKE])
    assert found.keys() == {"recency_days", "orders_90d", "probability"}  # what only accumulates is not compared
    assert [record.value for record in found.values()] == [pytest.approx(0)] * 3
    assert not any(record.drifted for record in found.values())
    assert {(r.check_date, r.model_version, r.metric, r.run_id, r.rows_compared) for r in found.values()} == {
        (AS_OF, "v6", "psi", "run-1", 4000)
    }


def test_shifted_customers_and_scores_have(account: None) -> None:
    found = compare([value + 10 for value in ALIKE], [0.35] * 4000)
    assert found["recency_days"].value == pytest.approx(drift.psi([0.25] * 4, [0, 0.25, 0.25, 0.5]))
    assert found["probability"].value == pytest.approx(drift.psi([0.25] * 4, [0, 0, 0, 1]))
    assert {name for name, record in found.items() if record.drifted} == {"recency_days", "probability"}


def test_values_that_are_missing_now_are_drift_too(account: None) -> None:
    recency = [None if place < 2000 else value for place, value in enumerate(ALIKE)]
    found = compare(recency, [value / 100 for value in ALIKE])
    assert found["recency_days"].value == pytest.approx(drift.psi([0.25] * 4 + [0], [0.125] * 4 + [0.5]))
    assert {name for name, record in found.items() if record.drifted} == {"recency_days"}


def test_the_limit_allows_for_chance_in_few_rows(account: None) -> None:
    """Ten customers: 0.25 more than by chance is 0.25 + (4 + 3 sqrt 8) / 10."""
    found = compare([5.0, 5, 5, 15, 15, 25, 25, 35, 35, 35], [0.05] * 10, psi_max=0.25)
    assert found["recency_days"].threshold == pytest.approx(0.25 + (4 + 3 * 8**0.5) / 10)
    assert not found["recency_days"].drifted
    assert found["probability"].drifted


def test_a_model_that_knows_no_scores_is_compared_by_features_alone(account: None) -> None:
    put(BEFORE.model_data, archive({"metadata.json": json.dumps({"distributions": {"recency_days": FOURTHS}})}))
    put_customers(dataset(), pa.table({"recency_days": ALIKE}))
    records = churn_drift.compare(dataset(), Scores("v7", (), 0, 0.0), BEFORE, DriftLimits(), "run-1")
    assert [record.feature for record in records] == ["recency_days"]


def test_without_a_model_before_there_is_nothing_to_do(group: None) -> None:
    """Neither a file is read nor a session opened: there are none."""
    register("2026-03-01")
    run = Run("customer-churn", AS_OF, AS_OF, run_id="run-1")
    scores = Scores("v1", ("s3://highwater-lake/not-there.parquet",), 3, 1.0)
    assert churn_steps.check_drift.fn(run, dataset(), scores, DriftLimits()) == []
    assert aws.cloudwatch().list_metrics(Namespace="Highwater/Models")["Metrics"] == []
