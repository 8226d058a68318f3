"""On a real local endpoint: an approved model comes into service or goes back, and people are told why."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from botocore.exceptions import ClientError

from local.aws.server import LocalAws
from tasks.churn import churn_serving
from tasks.churn.churn_models import registry
from tasks.churn.churn_serving import probes, serve
from tasks.errors import DataError, SystemFault
from tasks.models import model_page
from tasks.models.model_registry import ModelVersion, Status, current, mark_rolled_back
from tasks.runs import alerts
from tasks.runs.run import Run
from tasks.services import aws
from tasks.serving import deploying, observing
from tasks.serving.endpoint_state import settled
from tasks.serving.rollout import Rollout
from tasks.settings import settings
from tests.tasks.churn.churn_day import AS_OF, dataset, put_customers
from tests.tasks.heard import listening
from tests.tasks.serving.conftest import cloud as cloud
from tests.tasks.serving.conftest import server as server
from tests.tasks.serving.conftest import version as version

# Any latency is good enough: other tests run on this machine.
ROLLOUT = Rollout(challenger_weight=0.2, watch_minutes=0, min_invocations=40, max_latency_ratio=1000)
RUN = Run("customer-churn", AS_OF, AS_OF, run_id="run-1")
DAY = dataset(60)
STEPS = ("approved_models", "deploy_challenger", "watch", "promote", "roll_back", "take_out", "clean_up")
Version = Callable[..., ModelVersion]
Heard = Callable[[], list[str]]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The tables of the run's page. The steps are called as functions, without Prefect's server."""
    tables: list[dict[str, Any]] = []
    for name in STEPS:
        monkeypatch.setattr(churn_serving, name, getattr(churn_serving, name).fn)
    monkeypatch.setattr(model_page, "create_table_artifact", lambda **table: tables.append(table))
    return tables


@pytest.fixture
def heard(cloud: LocalAws, shown: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> Iterator[Heard]:
    monkeypatch.setenv("HIGHWATER_CHURN_MODEL_GROUP", f"churn-{settings().endpoint}")
    settings.cache_clear()
    caches = (aws.sns.cache_clear, aws.sqs.cache_clear, alerts._topic_arn.cache_clear)
    for forget in caches:
        forget()
    with suppress(ClientError):
        aws.sagemaker().create_model_package_group(ModelPackageGroupName=settings().churn_model_group)
    heard = listening("highwater-warnings", "highwater-critical")
    heard()
    yield heard
    for forget in caches:
        forget()


def registered(model: ModelVersion, status: Status = "Approved") -> ModelVersion:
    """The model as the next version of the registry."""
    work = f"{settings().endpoint}-{model.number}".rjust(36, "w")
    metadata = {"as_of": f"{AS_OF}", "horizon_days": "90", **{f"figure_{i}": "0.5" for i in range(42)}}
    return registry().register(work, model.model_data, model.image, "s3://a/e.json", metadata, status)


@pytest.fixture
def customers(cloud: LocalAws) -> None:
    bucket = DAY.future.split("/")[2]
    if bucket not in {found["Name"] for found in aws.s3().list_buckets()["Buckets"]}:
        aws.s3().create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})
    x = np.random.default_rng(2).beta(2, 3, 60)
    rows = pa.table({"customer_id": [f"c{i}" for i in range(60)], "x": x, "as_of": [AS_OF] * 60})
    put_customers(DAY, rows.slice(0, 20), rows.slice(20))


def serving() -> tuple[dict[str, int], str]:
    found = settled()
    assert found is not None
    return found.versions, found.status


def test_a_model_that_nobody_approved_is_not_deployed(heard: Heard, version: Version) -> None:
    pending = replace(version(1), status="PendingManualApproval")
    assert serve(RUN, DAY, pending, ROLLOUT) == "not deployed: model v1 is PendingManualApproval"
    assert settled() is None
    assert heard() == []


def test_a_past_day_that_is_run_again_does_not_replace_a_newer_days_model(
    heard: Heard, version: Version
) -> None:
    day = dataset(60, horizon_days=30)
    later = {"as_of": "2026-03-08", "horizon_days": "30"}
    registry().register("w" * 36, "s3://a/m.tar.gz", "image", "s3://a/e.json", later, "Approved")
    told = "not deployed: model v1 as of 2026-03-08 is newer than v2 as of 2026-03-01"
    assert serve(RUN, day, version(2), ROLLOUT) == told
    assert settled() is None
    newest = dataset(60, horizon_days=30, as_of=date(2026, 3, 8))
    assert serve(RUN, newest, version(1), ROLLOUT) == f"{settings().endpoint} serves version 1 as champion"


def test_a_good_model_takes_the_champions_place_and_an_older_one_does_not(
    heard: Heard, version: Version, customers: None, shown: list[dict[str, Any]]
) -> None:
    one, two = version(1), version(2, times=1.02)
    alone = f"{settings().endpoint} serves version"
    assert serve(RUN, DAY, one, ROLLOUT) == f"{alone} 1 as champion"
    assert shown == []
    assert serve(RUN, DAY, two, ROLLOUT) == f"{alone} 2 as champion"
    assert serving() == ({"champion": 2}, "InService")
    (table,) = shown
    assert table["key"] == "churn-challenger"
    assert table["description"].startswith("Challenger 2 beside champion 1, ")
    assert table["description"].endswith(" UTC, promote: 0 of 4 rules missed")
    assert [(row["figure"], row["verdict"]) for row in table["table"]] == [
        ("invocations", "ok"),
        ("error_rate", "ok"),
        ("latency_ratio", "ok"),
        ("score_shift", "ok"),
    ]
    assert table["table"][0]["value"] == 60  # each customer of both files was sent to either

    assert serve(RUN, DAY, one, ROLLOUT) == f"{alone} 2 as champion: 2 is newer than 1"
    assert serving() == ({"champion": 2}, "InService")
    assert len(shown) == 1
    assert heard() == []


def test_a_model_that_fails_goes_back_and_people_are_told(
    heard: Heard, version: Version, customers: None, shown: list[dict[str, Any]]
) -> None:
    serve(RUN, DAY, version(1), ROLLOUT)
    registered(version(1))
    two = registered(version(2, fails=True))
    message = serve(RUN, DAY, two, ROLLOUT)
    assert message == f"{settings().endpoint} serves version 1 as champion, and not version 2"
    assert serving() == ({"champion": 1}, "InService")
    (alert,) = heard()
    assert alert.startswith(
        "WARNING churn model v2 was taken out of the endpoint again: error_rate = 1.0000 (limit 0.0100) FAILED, "
    )
    again = (
        "Approve a newer version, or remove the mark: aws sagemaker update-model-package --model-package-arn "
        f"{two.arn} --customer-metadata-properties-to-remove rolled_back"
    )
    assert alert.endswith(f". {message}. It is not tried again. {again}")
    assert shown[0]["description"].endswith(" UTC, roll back: 1 of 2 rules missed")

    marked = current(two)
    assert marked.status == "Approved"
    why = "run run-1: error_rate = 1.0000 limit 0.0100 FAILED"
    assert marked.metadata == {**two.metadata, "rolled_back": why}
    told = f"model v2 is not tried again, it was rolled back by {why}. {again}"
    one = f"{settings().endpoint} serves version 1 as champion"
    # The next run of the same day, and one of another model that nobody approved yet.
    assert serve(RUN, DAY, marked, ROLLOUT) == f"{one}; {told}"
    three = registered(version(3), "PendingManualApproval")
    assert serve(RUN, DAY, three, ROLLOUT) == f"{one}; {told}"
    assert serving() == ({"champion": 1}, "InService")
    assert len(shown) == 1
    assert heard() == []


def test_a_newer_model_than_the_one_that_was_rolled_back_is_deployed(heard: Heard, version: Version) -> None:
    mark_rolled_back(registered(version(1)), "run-0", "error_rate = 1.0000")
    two = registered(version(2))
    assert serve(RUN, DAY, two, ROLLOUT) == f"{settings().endpoint} serves version 2 as champion"


def test_where_all_approved_models_were_rolled_back_none_is_deployed(heard: Heard, version: Version) -> None:
    one = mark_rolled_back(registered(version(1)), "run-0", "score_shift = 0.5 (limit 0.25) FAILED")
    told = (
        "model v1 is not tried again, it was rolled back by run run-0: score_shift = 0.5 limit 0.25 FAILED. "
    )
    assert serve(RUN, DAY, one, ROLLOUT).startswith(f"not deployed: {told}Approve a newer version, or ")
    pending = registered(version(2), "PendingManualApproval")
    assert serve(RUN, DAY, pending, ROLLOUT).startswith(
        f"not deployed: model v2 is PendingManualApproval; {told}"
    )
    assert settled() is None
    aws.sagemaker().update_model_package(
        ModelPackageArn=one.arn, CustomerMetadataPropertiesToRemove=["rolled_back"]
    )
    assert serve(RUN, DAY, current(one), ROLLOUT) == f"{settings().endpoint} serves version 1 as champion"


def test_what_another_run_promoted_meanwhile_is_not_marked(
    heard: Heard, version: Version, customers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(RUN, DAY, version(1), ROLLOUT)
    registered(version(1))
    two, call = registered(version(2, fails=True)), deploying.roll_back

    def after_another_run(model: ModelVersion, run: str) -> Any:
        deploying.promote(model, "run-2")
        return call(model, run)

    monkeypatch.setattr(deploying, "roll_back", after_another_run)
    assert serve(RUN, DAY, two, ROLLOUT) == f"{settings().endpoint} serves version 2 as champion"
    assert current(two).rolled_back == ""
    (alert,) = heard()
    assert alert.endswith(". Another run promoted it meanwhile.")


def test_a_mark_is_what_sagemaker_takes(heard: Heard, version: Version) -> None:
    marked = mark_rolled_back(registered(version(1)), "run-0", "x (limit; 1), " * 50)
    assert marked.rolled_back.startswith("run run-0: x limit 1 x limit 1 ")
    assert 250 < len(marked.rolled_back) <= 256


def test_a_version_that_can_not_be_marked_is_out_all_the_same(
    heard: Heard, version: Version, customers: None
) -> None:
    serve(RUN, DAY, version(1), ROLLOUT)
    assert "and not version 2" in serve(RUN, DAY, version(2, fails=True), ROLLOUT)  # not in the registry
    (alert,) = heard()
    assert ". It could not be marked, so that the next run with `deploy` tries it again, unless it" in alert


def test_a_model_of_which_too_little_was_seen_goes_back_too(
    heard: Heard, version: Version, customers: None
) -> None:
    serve(RUN, DAY, version(1), ROLLOUT)
    nobody = replace(DAY, output="s3://highwater-lake/ml/churn_dataset/rows/nobody")
    assert "and not version 2" in serve(RUN, nobody, version(2), ROLLOUT)
    assert serving() == ({"champion": 1}, "InService")
    (alert,) = heard()
    assert (
        "again: invocations = 0 (limit 40) FAILED, error_rate = unknown (limit 0.0100) not judged: " in alert
    )


def test_a_challenger_that_can_not_be_watched_does_not_stay(
    heard: Heard, version: Version, customers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(RUN, DAY, version(1), ROLLOUT)

    def failing(*_: Any) -> Any:
        found = settled()
        assert found is not None
        assert found.versions == {"champion": 1, "challenger": 2}
        raise DataError("The customers of the day can't be read.")

    monkeypatch.setattr(observing, "observe", failing)
    one = f"{settings().endpoint} serves version 1 as champion, and not version 2"
    told = f"The customers of the day can't be read. The challenger was taken out again: {one}."
    with pytest.raises(DataError, match=f"^{re.escape(told)}$"):
        serve(RUN, DAY, version(2), ROLLOUT)
    assert serving() == ({"champion": 1}, "InService")

    def denied(*_: Any) -> Any:
        raise SystemFault("UpdateEndpoint: AccessDenied.")

    monkeypatch.setattr(deploying, "roll_back", denied)
    with pytest.raises(
        DataError, match=r"^The customers .* could not be taken out either, .* \(UpdateEndpoint: AccessDenied"
    ):
        serve(RUN, DAY, version(2), ROLLOUT)


def test_probes_are_json_and_no_more_than_asked_for(account: None) -> None:
    """A row of each kind of value that Parquet may have, and files of 0, 150 and 100 customers."""
    columns: dict[str, pa.Array] = {
        "customer_id": pa.array([f"c{i}" for i in range(150)]),
        "amount_90d": pa.array([Decimal("1.50")] * 150, pa.decimal128(18, 2)),
        "gap_ratio": pa.array([float("nan"), float("inf")] + [0.5] * 148),
        "orders_90d": pa.array([None] + [2] * 149, pa.int64()),
        "is_active": pa.array([True] * 150),
        "as_of": pa.array([date(2026, 3, 1)] * 150, pa.date32()),
        "known_at": pa.array([datetime(2026, 3, 1, tzinfo=UTC)] * 150, pa.timestamp("us", tz="UTC")),
    }
    rows = pa.table(columns)
    put_customers(DAY, rows.slice(0, 0), rows, rows.slice(0, 100))
    found = list(probes(DAY))
    assert [row["customer_id"] for row in found] == [f"c{i}" for i in (*range(150), *range(50))]
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found[0] == {
        "customer_id": "c0",
        "amount_90d": 1.5,
        "gap_ratio": None,
        "orders_90d": None,
        "is_active": True,
        "as_of": "2026-03-01",
        "known_at": "2026-03-01 00:00:00+00:00",
    }
    assert (found[1]["gap_ratio"], found[2]["gap_ratio"], found[2]["orders_90d"]) == (None, 0.5, 2)
