"""Feature groups: what is created, listed and deleted, what is refused, and what a stop or a checkpoint leaves."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any
from urllib.request import Request, urlopen

import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError
from moto.sagemaker.models import sagemaker_backends
from moto.sagemaker.responses import SageMakerResponse

from local import resources
from local.aws.actions import Overrides
from local.aws.checkpoints import PATH
from local.aws.sagemaker.feature_store import FeatureStore
from local.aws.sagemaker.feature_store_offline import OfflineStore
from local.aws.sagemaker.feature_store_records import record_of
from local.aws.server import REGION, LocalAws
from local.aws_resources import create_feature_group
from tests.local.aws.conftest import LAKE
from tests.local.aws.test_feature_store import DAY, FEATURES, STORES, create, record, runtime, shown

__all__ = ["create", "runtime"]


def test_a_name_is_taken_until_its_group_is_deleted(
    create: Callable[..., str], sagemaker: Any, runtime: Any
) -> None:
    name = create()
    runtime.put_record(FeatureGroupName=name, Record=record({"customer_id": "c1", "event_time": DAY}))
    with pytest.raises(ClientError, match=f"FeatureGroup with name {name} already exists") as refusal:
        create(FeatureGroupName=name)
    assert refusal.value.response["Error"]["Code"] == "ResourceInUse"

    sagemaker.delete_feature_group(FeatureGroupName=name)
    with pytest.raises(ClientError, match="ResourceNotFound"):
        sagemaker.describe_feature_group(FeatureGroupName=name)
    assert create(FeatureGroupName=name) == name
    assert "Record" not in runtime.get_record(FeatureGroupName=name, RecordIdentifierValueAsString="c1")


def test_what_was_put_is_written_before_a_group_is_gone(
    create: Callable[..., str], sagemaker: Any, runtime: Any, s3: Any
) -> None:
    name = create()
    place = sagemaker.describe_feature_group(FeatureGroupName=name)["OfflineStoreConfig"]["S3StorageConfig"]
    runtime.put_record(FeatureGroupName=name, Record=record({"customer_id": "c1", "event_time": DAY}))
    sagemaker.delete_feature_group(FeatureGroupName=name)

    bucket, _, folder = place["ResolvedOutputS3Uri"].removeprefix("s3://").partition("/")
    assert s3.list_objects_v2(Bucket=bucket, Prefix=folder)["KeyCount"] == 1


def test_the_declared_group_may_be_created_again(sagemaker: Any) -> None:
    declared = resources.CUSTOMER_FEATURES
    for _ in range(2):
        create_feature_group(sagemaker, declared)
    found = sagemaker.describe_feature_group(FeatureGroupName=declared.name)
    assert {d["FeatureName"]: d["FeatureType"] for d in found["FeatureDefinitions"]} == declared.features
    place = found["OfflineStoreConfig"]["S3StorageConfig"]["ResolvedOutputS3Uri"]
    assert place.startswith(
        "s3://highwater-lake/feature-store/123456789012/sagemaker/ap-south-1/offline-store/"
    )
    sagemaker.delete_feature_group(FeatureGroupName=declared.name)


def test_groups_are_listed(create: Callable[..., str], sagemaker: Any) -> None:
    stem = f"listed-{time.monotonic_ns()}"
    for end in ("a", "b", "c"):
        create(FeatureGroupName=f"{stem}-{end}")
    first = sagemaker.list_feature_groups(NameContains=stem, SortBy="Name", MaxResults=2)
    rest = sagemaker.list_feature_groups(
        NameContains=stem, SortBy="Name", MaxResults=2, NextToken=first["NextToken"]
    )
    found = [*first["FeatureGroupSummaries"], *rest["FeatureGroupSummaries"]]
    assert [group["FeatureGroupName"] for group in found] == [f"{stem}-{end}" for end in ("a", "b", "c")]
    assert "NextToken" not in rest


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"FeatureGroupName": "a_"}, "'featureGroupName' failed to satisfy constraint"),
        ({"RecordIdentifierFeatureName": "who"}, "RecordIdentifierFeatureName who is not in"),
        ({"EventTimeFeatureName": "when"}, "EventTimeFeatureName when is not in"),
        ({"EventTimeFeatureName": "orders"}, "must be of the type String or Fractional"),
        ({"features": {**FEATURES, "is_deleted": "String"}}, "The feature name is_deleted is reserved"),
        ({"features": {**FEATURES, "Orders": "String"}}, "The feature name Orders is defined twice"),
        ({"features": {**FEATURES, "a b": "String"}}, "'featureDefinitions.member.featureName' failed"),
        ({"OnlineStoreConfig": {}, "OfflineStoreConfig": None}, "At least one of OnlineStoreConfig"),
        (
            {"OnlineStoreConfig": {"EnableOnlineStore": True, "StorageType": "InMemory"}},
            "the local SageMaker has feature groups of StorageType Standard only",
        ),
        ({"table": {"DisableGlueTableCreation": False}}, "makes no Glue table of an offline store"),
        ({"table": {"TableFormat": "Iceberg"}}, "writes the offline store as plain Parquet"),
    ],
)
def test_what_is_no_group_is_refused(create: Callable[..., str], change: dict[str, Any], why: str) -> None:
    if table := change.pop("table", None):
        change["OfflineStoreConfig"] = {**STORES["OfflineStoreConfig"], **table}
    if change.get("OfflineStoreConfig", {}) is None:
        with pytest.raises(ClientError, match=why):
            create(OnlineStoreConfig={"EnableOnlineStore": False}, without=("OfflineStoreConfig",))
        return
    with pytest.raises(ClientError, match=why):
        create(change.pop("features", FEATURES), **change)


def test_a_bucket_that_is_not_there_blocks_the_offline_store(
    create: Callable[..., str], runtime: Any, sagemaker: Any, s3: Any
) -> None:
    bucket = f"later-{time.monotonic_ns()}"
    config = {"S3StorageConfig": {"S3Uri": f"s3://{bucket}/f"}, "DisableGlueTableCreation": True}
    group = create(OfflineStoreConfig=config)
    runtime.put_record(FeatureGroupName=group, Record=record({"customer_id": "c1", "event_time": DAY}))

    def until(status: str) -> dict[str, Any]:
        deadline = time.monotonic() + 10
        while True:
            found: dict[str, Any] = sagemaker.describe_feature_group(FeatureGroupName=group)[
                "OfflineStoreStatus"
            ]
            if found["Status"] == status:
                return found
            assert time.monotonic() < deadline, found
            time.sleep(0.05)

    assert "NoSuchBucket" in until("Blocked")["BlockedReason"]
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    until("Active")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 1, "what waited was written"


def test_a_checkpoint_holds_groups_and_records(
    aws: LocalAws, create: Callable[..., str], runtime: Any, sagemaker: Any
) -> None:
    def ask(method: str) -> None:
        urlopen(Request(f"{aws.url}{PATH}features", method=method)).close()

    def put(orders: str) -> None:
        runtime.put_record(
            FeatureGroupName=group, Record=record({"customer_id": "c1", "event_time": DAY, "orders": orders})
        )

    group = create()
    put("1")
    ask("PUT")
    put("2")
    later = create()
    ask("POST")
    found = runtime.get_record(FeatureGroupName=group, RecordIdentifierValueAsString="c1")
    assert shown(found["Record"])["orders"] == "1"
    with pytest.raises(ClientError, match="ResourceNotFound"):
        sagemaker.describe_feature_group(FeatureGroupName=later)


def test_a_stop_writes_what_waits(create: Callable[..., str], aws: LocalAws, s3: Any) -> None:
    group = sagemaker_backends["123456789012"][REGION].feature_groups[
        f"arn:aws:sagemaker:{REGION}:123456789012:feature-group/{create()}"
    ]
    folder = group.location.removeprefix(f"s3://{LAKE}/")
    store = OfflineStore(s3, seconds=3600)
    for day in ("2026-11-28T00:00:00Z", DAY, DAY):
        store.add(group, record_of(group, record({"customer_id": "c1", "event_time": day}), None))
    assert s3.list_objects_v2(Bucket=LAKE, Prefix=folder)["KeyCount"] == 0
    store.close()

    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=LAKE, Prefix=folder)["Contents"]]
    bodies = [s3.get_object(Bucket=LAKE, Key=key)["Body"].read() for key in keys]
    assert [pq.read_table(io.BytesIO(body)).num_rows for body in bodies] == [1, 2]
    assert store.pending == {}


def test_moto_is_left_as_it_was(s3: Any) -> None:
    before = dict(vars(SageMakerResponse))
    overrides, features = Overrides(), FeatureStore(s3, 1.0)
    features.install(overrides)
    assert dict(vars(SageMakerResponse)) != before
    overrides.undo()
    features.close()
    assert dict(vars(SageMakerResponse)) == before
