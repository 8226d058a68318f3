"""The churn flow's day, its gate and registration on moto's registry, and its end."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from contracts.shop.churn_predictions import CHURN_PREDICTIONS
from flows import customer_churn as flow
from tasks.churn import churn_steps as steps
from tasks.churn.churn_dataset import Dataset
from tasks.churn.churn_gate import ChurnEvaluation, ChurnGate
from tasks.churn.churn_models import registry
from tasks.churn.churn_scores import Scores
from tasks.churn.churn_training import Evaluated, Trained
from tasks.errors import BusinessError, DataError, SystemFault
from tasks.models.model_registry import ModelVersion, Registration, Status
from tasks.publishing import audit_page
from tasks.runs.monitoring import DatasetRecord, DriftRecord
from tasks.runs.run import Run
from tasks.services import aws
from tasks.settings import settings
from tests.tasks.churn.churn_day import AS_OF, dataset, model
from tests.tasks.heard import listening

RUN = Run("customer-churn", AS_OF, AS_OF, run_id="run-1")
REPORT: dict[str, Any] = {
    "methods": {
        "ours": {
            "auc": 0.8,
            "average_precision": 0.6,
            "log_loss": 0.5,
            "brier": 0.2,
            "ece": 0.02,
            "lift10": 2.5,
        },
        "rfm_rule": {"auc": 0.7, "average_precision": 0.5, "log_loss": None},
        "logistic": {"average_precision": 0.59, "log_loss": 0.51},
    },
    "rows": 1000,
    "churn_rate": 0.4,
    "chosen": "blend",
}
EVALUATION = ChurnEvaluation.read(REPORT)
EVALUATED = Evaluated("evaluate-1", "s3://highwater-lake/evaluation")
TRAINED = Trained("tune-1-001", "s3://a/m.tar.gz", "c0dec0dec0de", {}, "blend")
INPUTS: dict[str, Any] = {"snapshots": {"fact_orders": 7, "ml_features": None}}


# The day.


def test_a_day_to_come_is_refused() -> None:
    today = datetime.now(UTC).date()
    tomorrow = today + timedelta(days=1)
    with pytest.raises(DataError, match=f"as_of {tomorrow} is in the future: today is {today} "):
        flow.as_of_or_today(tomorrow)
    assert flow.as_of_or_today(today) == today
    assert flow.as_of_or_today(date(2025, 1, 6)) == date(2025, 1, 6)


def scheduled(monkeypatch: pytest.MonkeyPatch, at: datetime | None) -> None:
    run = SimpleNamespace(scheduled_start_time=at, parameters={"as_of": None})
    monkeypatch.setattr(flow.runtime, "flow_run", run)


def test_a_run_that_is_taken_up_on_the_next_day_stays_with_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    today = datetime.now(UTC).date()
    scheduled(monkeypatch, datetime(2026, 3, 1, 22, 30, tzinfo=UTC))
    assert flow.as_of_or_today(None) == date(2026, 3, 1)
    assert flow._run_name() == "customer-churn 2026-03-01"
    scheduled(monkeypatch, None)
    assert flow.as_of_or_today(None) == today
    scheduled(monkeypatch, datetime.now(UTC) + timedelta(days=2))  # started by hand before its time
    assert flow.as_of_or_today(None) == today


# The gate.


@pytest.fixture
def evaluated(account: None, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.sagemaker().create_model_package_group(ModelPackageGroupName=settings().churn_model_group)
    aws.s3().put_object(
        Bucket="highwater-lake", Key="evaluation/evaluation.json", Body=json.dumps(REPORT).encode()
    )
    monkeypatch.setattr(steps.model_page, "gate_table", lambda *_: None)
    monkeypatch.setattr(steps.model_page, "plot", lambda *_: None)


def registered(
    as_of: str = "2026-02-22", horizon: int = 90, status: Status = "Approved", **figures: str
) -> ModelVersion:
    metadata = {"as_of": as_of, "horizon_days": str(horizon), **figures}
    work = f"{as_of}{horizon}".ljust(32, "a")
    return registry().register(work, "s3://a/m.tar.gz", "image", EVALUATED.report, metadata, status)


def judged(gate: ChurnGate = ChurnGate()) -> float | None:  # noqa: B008
    return steps.judge.fn(RUN, gate, TRAINED, EVALUATED, 90).relative_precision


def test_an_evaluation_of_another_method_than_the_models_judges_nothing(evaluated: None) -> None:
    line = replace(TRAINED, method="logistic")
    with pytest.raises(SystemFault, match=r"judged 'blend', and the model of tune-1-001 is 'logistic'"):
        steps.judge.fn(RUN, ChurnGate(), line, EVALUATED, 90)


def test_a_much_better_approved_model_of_the_same_horizon_keeps_a_worse_one_out(evaluated: None) -> None:
    registered(relative_precision="1.5")
    with pytest.raises(BusinessError, match=r"best approved model's = 1\.2000 \(limit 1\.4700\) FAILED"):
        judged()
    assert judged(ChurnGate(worse_max=0.2)) == pytest.approx(1.2)


def test_of_another_horizon_not_approved_or_no_better_it_keeps_nothing_out(evaluated: None) -> None:
    registered(horizon=60, relative_precision="1.5")
    registered(as_of="2026-02-15", status="PendingManualApproval", relative_precision="1.5")
    registered(as_of="2026-02-08", relative_precision="1.2")
    assert judged() == pytest.approx(1.2)


def test_models_that_grew_a_little_worse_each_week_are_compared_with_the_best_of_them(
    evaluated: None,
) -> None:
    for week in range(12):
        as_of = f"{date(2025, 12, 7) + timedelta(weeks=week)}"
        registered(as_of=as_of, relative_precision=f"{1.5 * 0.981**week:.4f}")
    with pytest.raises(BusinessError, match=r"= 1\.2000 \(limit 1\.4700\) FAILED"):
        judged()
    assert judged(ChurnGate(compared_with=1)) == pytest.approx(1.2)


def test_an_approved_model_that_does_not_say_how_good_it_was_stops_the_gate(evaluated: None) -> None:
    registered()
    with pytest.raises(BusinessError, match=r"= 1\.2000 \(limit unknown\) FAILED"):
        judged()
    registered(as_of="2026-02-15", relative_precision="1.1")
    assert judged() == pytest.approx(1.2)


# The horizon.


def test_another_horizon_than_the_approved_models_is_refused(evaluated: None) -> None:
    registered(as_of="2026-02-15", horizon=60, status="Rejected")
    registered(as_of="2026-02-08")
    registered(as_of="2026-02-22", horizon=60, status="PendingManualApproval")
    steps.check_horizon.fn(90)
    told = (
        r"horizon_days is 60, and model v2 \(Approved\) predicts 90 days, the horizon of "
        r"gold\.customer_analytics\.churn_probability .*\. Nothing was computed\. Run with horizon_days=90, or with "
        r"change_horizon to change it\."
    )
    with pytest.raises(BusinessError, match=told):
        steps.check_horizon.fn(60)


def test_where_nobody_approved_a_model_the_scores_are_of_the_newest_pending_one(evaluated: None) -> None:
    steps.check_horizon.fn(60)
    registered(as_of="2026-02-15", status="PendingManualApproval")
    with pytest.raises(BusinessError, match=r"model v1 \(PendingManualApproval\) predicts 90 days"):
        steps.check_horizon.fn(60)


def test_a_changed_horizon_is_published_once_its_model_is_approved(evaluated: None) -> None:
    registered(as_of="2026-02-22")
    day, nothing = dataset(horizon_days=60), Scores("v2", (), 0, 0.0)
    pending = register(day=day)
    told = (
        r"model v2 \(PendingManualApproval\) predicts 60 days, and model v1 .* not published\. .*approve v2"
    )
    with pytest.raises(BusinessError, match=told):
        steps.publish.fn(RUN, day, pending, nothing)
    approved = register(replace(TRAINED, job="tune-2-001"), day, approve=True)
    with pytest.raises(
        DataError, match="no file of churn predictions"
    ):  # the horizon is right, the files are missing
        steps.publish.fn(RUN, day, approved, nothing)
    with pytest.raises(BusinessError, match="horizon_days is 90, and model v3 "):
        steps.check_horizon.fn(90)


def test_a_run_of_another_horizon_ends_before_its_first_step(
    evaluated: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered()
    monkeypatch.setattr(steps, "check_horizon", steps.check_horizon.fn)
    monkeypatch.setattr(flow, "guarded", lambda _: nullcontext())
    state = flow.customer_churn.fn(as_of=AS_OF, horizon_days=60)
    assert "horizon_days is 60, and model v1 (Approved) predicts 90 days" in str(state)


# The registration.


def register(
    trained: Trained = TRAINED, day: Dataset | None = None, *, approve: bool = False
) -> ModelVersion:
    return steps.register_model.fn(
        RUN, day or dataset(**INPUTS), trained, EVALUATED, EVALUATION, Registration(auto_approve=approve)
    )


def test_a_model_is_registered_with_all_that_it_came_from(evaluated: None) -> None:
    made = register()
    assert (made.number, made.status, made.model_data) == (1, "PendingManualApproval", "s3://a/m.tar.gz")
    assert made.evaluation == EVALUATED.report
    metadata = dict(made.metadata)
    assert len(metadata.pop("work")) == 32
    assert metadata == {
        "as_of": "2026-03-01",
        "horizon_days": "90",
        "run_id": "run-1",
        "code_version": "c0dec0dec0de",
        "release": settings().code_version,
        "contract_version": CHURN_PREDICTIONS.version,
        "image": settings().xgboost_image,
        "training_job": "tune-1-001",
        "chosen": "blend",
        "reconstructed_share": "0.4000",
        "relative_precision": "1.2",
        "churn_rate": "0.4",
        "ours_auc": "0.8",
        "ours_average_precision": "0.6",
        "ours_log_loss": "0.5",
        "ours_brier": "0.2",
        "ours_ece": "0.02",
        "ours_lift10": "2.5",
        "rfm_rule_auc": "0.7",
        "rfm_rule_average_precision": "0.5",
        "logistic_average_precision": "0.59",
        "logistic_log_loss": "0.51",
        "snapshot.fact_orders": "7",
        "snapshot.ml_features": "None",
    }


def test_registering_twice_gives_one_version_and_another_tuning_another(evaluated: None) -> None:
    first = register()
    assert register(approve=True) == first  # a decision is not taken back by a repetition
    tuned = register(replace(TRAINED, job="tune-2-004"))
    other_day = register(day=dataset(as_of=date(2026, 3, 8)))
    other_code = register(replace(TRAINED, code_version="deadbeefdead"))
    approved = register(replace(TRAINED, job="train-1"), approve=True)
    made = (first, tuned, other_day, other_code, approved)
    assert [version.number for version in made] == [1, 2, 3, 4, 5]
    assert [version.status for version in made] == ["PendingManualApproval"] * 4 + ["Approved"]
    assert registry().newest("Approved", 90) == approved


def test_the_registry_has_room_for_what_every_method_did(evaluated: None) -> None:
    """SageMaker keeps 50 entries, of 256 characters."""
    from jobs.sagemaker.churn.evaluation import OURS
    from jobs.sagemaker.churn.peers import PEERS

    figures = dict.fromkeys(REPORT["methods"]["ours"], -1.23456789e-12)
    every = ChurnEvaluation.read({**REPORT, "methods": dict.fromkeys((OURS, *PEERS), figures)})
    day = dataset(snapshots=dict.fromkeys(("fact_orders", "dim_customers", "ml_features"), 2**62))
    made = steps.register_model.fn(RUN, day, TRAINED, EVALUATED, every, Registration())
    assert len(made.metadata) <= 50
    assert max(map(len, made.metadata.values())) <= 256


# The end.


class Told:
    def __init__(self, heard: Callable[[], list[str]]) -> None:
        self.heard = heard
        self.datasets: list[DatasetRecord] = []
        self.runs: list[tuple[Any, ...]] = []
        self.tables: list[dict[str, Any]] = []


@pytest.fixture
def told(account: None, monkeypatch: pytest.MonkeyPatch) -> Told:
    told = Told(listening("highwater-warnings"))
    monkeypatch.setattr(Run, "session", lambda *_: nullcontext())
    monkeypatch.setattr(steps.monitoring, "record_datasets", lambda _, rows: told.datasets.extend(rows))
    monkeypatch.setattr(steps, "record", lambda *given: told.runs.append(given))
    monkeypatch.setattr(audit_page, "create_table_artifact", lambda **table: told.tables.append(table))
    return told


def finish(
    *,
    due: int = 3,
    refused: int = 1,
    scored: int = 3,
    loaded: int = 3,
    says_due: int | None = None,
    drifted: tuple[DriftRecord, ...] = (),
) -> dict[str, Any]:
    day = dataset(due, {"no_features": refused} if refused else {})
    if says_due is not None:
        day = replace(day, figures={**day.figures, "due": says_due})
    scores = Scores("v7", ("s3://a/part-0",), scored, 1.25)
    return steps.finish.fn(RUN, day, model(), EVALUATION, scores, loaded, list(drifted), "as it was")


@pytest.mark.parametrize(
    ("counts", "named"),
    [
        (
            {"says_due": 5},
            "5 customers were due, 3 were to be scored and 1 refused, 3 were scored, 3 are in the",
        ),
        ({"says_due": 3}, "3 customers were due, 3 were to be scored and 1 refused"),
        (
            {"scored": 2, "loaded": 2},
            "4 customers were due, 3 were to be scored and 1 refused, 2 were scored, 2 are",
        ),
        ({"loaded": 6}, "3 were scored, 6 are in the warehouse"),
        ({"loaded": 0}, "3 were scored, 0 are in the warehouse"),
        ({"scored": 2}, "2 were scored, 3 are in the warehouse"),
    ],
)
def test_counts_that_do_not_add_up_are_named_and_nothing_is_recorded(
    told: Told, counts: dict[str, Any], named: str
) -> None:
    with pytest.raises(BusinessError, match=f"row counts differ for churn model v7: .*{named}"):
        finish(**counts)
    assert (told.datasets, told.runs, told.tables, told.heard()) == ([], [], [], [])


def test_each_due_customer_is_scored_or_refused_with_a_reason(told: Told) -> None:
    headlines = finish()
    assert headlines["refused"] == {"no_features": 1}
    assert (headlines["customers"], headlines["expected_churners"], headlines["endpoint"]) == (
        3,
        1.2,
        "as it was",
    )
    assert headlines["over_rfm_rule"] == pytest.approx(1.2)
    (row,) = told.datasets
    assert (row.rows_raw, row.rows_published, row.rows_superseded, row.rows_quarantined) == (4, 3, 0, 1)
    ((_, status, message, rows, jobs),) = told.runs
    assert (status, rows["rows_raw"], jobs) == ("COMPLETED", 4, [])
    assert message == (
        "customer-churn 2026-03-01 is done: model v7 (Approved), 3 customers scored, 1 refused, 1 expected to churn, "
        "average precision 0.6000"
    )
    assert told.heard() == [f"INFO {message}"]


def test_drift_is_told_with_the_model_that_it_is_measured_against(told: Told) -> None:
    drift = DriftRecord("run-1", AS_OF, "v6", "psi", "recency_days", 0.61234, 0.25, True, 4000)
    headlines = finish(drifted=(drift, replace(drift, feature="orders_30d", value=0.1, drifted=False)))
    assert headlines["drifted"] == ["recency_days = 0.612"]
    assert [alert for alert in told.heard() if alert.startswith("WARNING")] == [
        "WARNING customers or scores as of 2026-03-01 are not like those that churn model v6 learned from: recency_days "
        "has PSI 0.612 (limit 0.250). Look at the drift table on the run's page."
    ]
