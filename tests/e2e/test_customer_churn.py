"""The churn model on the local cloud: from the shop's orders to scores, and to an endpoint that answers."""

from __future__ import annotations

import io
import json
import os
import signal
import textwrap
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

from contracts.shop import EXTRACTED
from flows.customer_churn import customer_churn
from flows.snowflake_medallion import snowflake_medallion
from local.cloud import Cloud
from local.shop import change_shop
from local.sql import connect
from tasks.churn.churn_gate import ChurnGate
from tasks.churn.churn_models import registry
from tasks.churn.churn_training import Tuning
from tasks.lake import lake_tables
from tasks.models import model_archive
from tasks.models.model_registry import Registration
from tasks.services import aws, objects
from tasks.serving.rollout import Rollout
from tests.e2e import forked
from tests.e2e.world import ROOT, World

DAY = timedelta(days=1)
HORIZON, CUSTOMERS, HISTORY, DUE_DAYS = 60, 500, 500, 180
GATE = ChurnGate(skill_min=0, beats_logistic=False, ece_max=None, worse_max=1)
ROLLOUT = Rollout(watch_minutes=0, min_invocations=40, max_latency_ratio=20, max_score_shift=5)
SCORES = "ML_OUTPUTS.CHURN_PREDICTIONS"
# Each run goes on where the one before it died.
DEATHS = (
    "'tasks.features.online:put', 'after', 200",
    "'tasks.jobs.external_jobs:_wait', 'before', 2",  # the first is for the data set, the second for the tuning
    "'tasks.churn.churn_publishing:publish', 'after'",
)


@pytest.fixture(scope="module")
def world(cloud: Cloud) -> Iterator[World]:
    """A shop of some years, extracted, with silver and gold; and a churn run that was killed at one step after the other."""
    fresh = World(cloud)
    fresh.empty()
    with closing(connect(cloud.settings)) as connection:
        change_shop(connection, DAY, 1, CUSTOMERS, days=HISTORY)
    state = snowflake_medallion(return_state=True)  # type: ignore[call-overload]
    assert state.is_completed(), state.message
    for step in DEATHS:
        killed(fresh, f"from tests.e2e import death; death.arrange({step})")
    yield fresh
    fresh.empty()
    for entity in EXTRACTED:
        fresh.sql(f"DELETE FROM SHOP.PUBLIC.{entity}")


def killed(world: World, before: str) -> None:
    script = textwrap.dedent(
        f"""
        {before}
        from tests.e2e.test_customer_churn import churn
        churn()
        """
    )
    code, output = forked.run(script, {**os.environ, **world.cloud.environment}, ROOT, seconds=240)
    assert code == -signal.SIGKILL, output


def churn(trials: int = 2, **how: Any) -> dict[str, Any]:
    state = customer_churn(  # type: ignore[call-overload]
        horizon_days=HORIZON,
        tune=Tuning(trials=trials),
        gate=GATE,
        register=Registration(auto_approve=True),
        minimum_due=100,
        return_state=True,
        **how,
    )
    assert state.is_completed(), state.message
    found: dict[str, Any] = state.result()
    return found


def today() -> date:
    return datetime.now(UTC).date()


def due() -> set[str]:
    """The customers with an order that counts in the 180 days before today, by the rows of silver."""
    table = lake_tables.load("silver", "fact_orders")
    assert table
    midnight = datetime.combine(today(), datetime.min.time(), UTC)
    return {
        row["customer_key"]
        for row in table.scan().to_arrow().to_pylist()
        if row["status"] != "cancelled"
        and row["order_ts"] is not None
        and midnight - DUE_DAYS * DAY <= row["order_ts"] < midnight
    }


def scores(world: World) -> list[dict[str, Any]]:
    return world.sql(f"SELECT * FROM {SCORES} ORDER BY customer_key")


def jobs() -> list[str]:
    sagemaker = aws.sagemaker()
    return sorted(
        [
            *(
                j["TrainingJobName"]
                for j in sagemaker.list_training_jobs(MaxResults=100)["TrainingJobSummaries"]
            ),
            *(j["ProcessingJobName"] for j in sagemaker.list_processing_jobs()["ProcessingJobSummaries"]),
            *(j["TransformJobName"] for j in sagemaker.list_transform_jobs()["TransformJobSummaries"]),
            *(
                j["HyperParameterTuningJobName"]
                for j in sagemaker.list_hyper_parameter_tuning_jobs()["HyperParameterTuningJobSummaries"]
            ),
        ]
    )


def test_a_killed_run_is_taken_up_and_each_due_customer_is_scored_or_refused(world: World) -> None:
    found = churn()
    rows = scores(world)
    assert found["customers"] == len(rows) > 100
    assert len(rows) + sum(found["refused"].values()) == len(due())
    assert {row["CUSTOMER_KEY"] for row in rows} <= due()
    assert {(row["AS_OF"], row["HORIZON_DAYS"], row["MODEL_VERSION"]) for row in rows} == {
        (today(), HORIZON, "v1")
    }
    assert all(0 <= row["PROBABILITY"] <= 1 and len(json.loads(row["REASONS"])) == 3 for row in rows)
    deciles = [row["DECILE"] for row in sorted(rows, key=lambda r: (-r["PROBABILITY"], r["CUSTOMER_KEY"]))]
    assert deciles == sorted(deciles)
    assert max(deciles.count(n) for n in range(1, 11)) - min(deciles.count(n) for n in range(1, 11)) <= 1

    shown = world.sql(
        "SELECT customer_key, churn_probability FROM MARTS.CUSTOMER_ANALYTICS WHERE churn_probability IS NOT NULL"
    )
    assert {r["CUSTOMER_KEY"]: r["CHURN_PROBABILITY"] for r in shown} == {
        r["CUSTOMER_KEY"]: r["PROBABILITY"] for r in rows
    }
    counts = [sum(name.startswith(kind) for name in jobs()) for kind in ("churn-evaluate", "churn-predict")]
    assert counts == [1, 1]
    assert len(aws.sagemaker().list_hyper_parameter_tuning_jobs()["HyperParameterTuningJobSummaries"]) == 1
    (model,) = registry().last(9, "Approved", HORIZON)
    assert model.metadata["chosen"] == model_archive.metadata_entry(model.model_data, "method")
    (sums,) = [run for run in world.runs() if run["DATASET"] == "churn_predictions"]
    assert (sums["ROWS_RAW"], sums["ROWS_PUBLISHED"]) == (len(due()), len(rows))


def test_the_feature_store_has_each_customer_once(world: World) -> None:
    gold = lake_tables.load("gold", "ml_features")
    assert gold
    expected = {r["customer_id"]: r for r in gold.scan().to_arrow().to_pylist() if not r["is_deleted"]}
    files = [
        f.address for f in objects.listed("s3://highwater-lake/feature-store/") if f.key.endswith(".parquet")
    ]
    offline = [row for file in files for row in pq.read_table(io.BytesIO(objects.read(file))).to_pylist()]
    written = {row["customer_id"] for row in offline if not row["is_deleted"]}
    assert written == set(expected)
    assert len(offline) <= len(written) + 16  # what was put when the run was killed may be there twice
    some = next(iter(sorted(expected)))
    record = aws.feature_store().get_record(
        FeatureGroupName="highwater-customer-features", RecordIdentifierValueAsString=some
    )["Record"]
    served = {value["FeatureName"]: value["ValueAsString"] for value in record}
    assert served["orders"] == str(expected[some]["orders"])
    assert served["event_time"] == f"{today()}T00:00:00Z"


def test_the_same_day_again_changes_nothing(world: World) -> None:
    before, known = scores(world), jobs()
    again = churn()
    assert (scores(world), jobs()) == (before, known)
    assert again["model"] == "v1"


def test_a_run_of_another_horizon_is_refused_and_the_scores_stay(world: World) -> None:
    before, known = scores(world), jobs()
    state = customer_churn(horizon_days=30, gate=GATE, minimum_due=100, return_state=True)  # type: ignore[call-overload]
    assert state.is_failed()
    assert f"horizon_days is 30, and model v1 (Approved) predicts {HORIZON} days" in str(state.message)
    assert (scores(world), jobs()) == (before, known)


def test_an_approved_model_comes_into_service_and_the_next_one_in_its_place(world: World) -> None:
    first = churn(deploy=ROLLOUT)
    assert first["endpoint"] == "highwater-churn serves version 1 as champion"
    second = churn(trials=1, deploy=ROLLOUT)
    assert (second["model"], second["endpoint"]) == ("v2", "highwater-churn serves version 2 as champion")
    assert {row["MODEL_VERSION"] for row in scores(world)} == {"v2"}
    assert [version.name for version in registry().last(9, "Approved", HORIZON)] == ["v2", "v1"]

    (row,) = world.sql(f"SELECT customer_id, probability FROM {SCORES} ORDER BY customer_key LIMIT 1")
    record = a_customer(row["CUSTOMER_ID"])
    assert ask(record)["predictions"][0]["probability"] == pytest.approx(row["PROBABILITY"])
    for wrong, named in (
        ({name: value for name, value in record.items() if name != "recency_days"}, "recency_days"),
        ({**record, "orders_90d": "many"}, "orders_90d"),
        ({**record, "amount": float("nan")}, "amount"),
    ):
        with pytest.raises(ClientError, match=named) as refusal:
            ask(wrong)
        assert refusal.value.response["OriginalStatusCode"] == 400


def a_customer(customer_id: str) -> dict[str, Any]:
    gold = lake_tables.load("gold", "ml_features")
    assert gold
    (row,) = gold.scan(f"customer_id = '{customer_id}'").to_arrow().to_pylist()
    plain = {name: float(v) if isinstance(v, Decimal) else v for name, v in row.items()}
    found: dict[str, Any] = json.loads(json.dumps(plain, default=str))
    return found


def ask(record: dict[str, Any]) -> dict[str, Any]:
    answer = aws.sagemaker_runtime().invoke_endpoint(
        EndpointName="highwater-churn",
        ContentType="application/json",
        Accept="application/json",
        Body=json.dumps({"instances": [record]}).encode(),
    )
    found: dict[str, Any] = json.loads(answer["Body"].read())
    return found
