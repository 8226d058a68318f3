"""What the churn flow names (its feature group, endpoint, models and files) is what the account has and allows."""

from __future__ import annotations

import re
from datetime import date
from fnmatch import fnmatchcase

import pytest

from deployments import names
from local import resources
from tasks.churn import churn_folders, churn_publishing, churn_scoring
from tasks.churn.churn_dataset import Dataset
from tasks.churn.churn_inputs import Inputs
from tasks.leases import rows
from tasks.serving.endpoint_requests import captured_folder, config_of, model_name
from tasks.settings import settings
from tests.infra.test_names import declared, names_of_roles
from tests.infra.test_prefixes import listed, statements_of


def test_the_feature_group_is_the_local_one() -> None:
    (group,) = declared("compute", "AWS::SageMaker::FeatureGroup")
    here = resources.CUSTOMER_FEATURES
    assert group["RecordIdentifierFeatureName"] == here.identifier
    assert group["EventTimeFeatureName"] == here.event_time
    types = {feature["FeatureName"]: feature["FeatureType"] for feature in group["FeatureDefinitions"]}
    assert types == dict(here.features)
    location = group["OfflineStoreConfig"]["S3StorageConfig"]["S3Uri"]
    assert re.sub(r"\$\{[^}]+}", resources.LAKE.name, location) == here.location
    assert names.FEATURE_STORE in names_of_roles()


def test_what_is_scaled_and_watched_is_the_flows_endpoint() -> None:
    (target,) = declared("compute", "AWS::ApplicationAutoScaling::ScalableTarget")
    assert target["ResourceId"] == f"endpoint/{settings().endpoint}/variant/{names.CHAMPION}"
    watched = re.findall(
        r"'EndpointName', 'Value': '([^']*)'}, {'Name': 'VariantName', 'Value': '([^']*)'}",
        str(declared("observability", "AWS::CloudWatch::Alarm")),
    )
    assert set(watched) == {(settings().endpoint, variant) for variant in (names.CHAMPION, names.CHALLENGER)}


def test_a_scaled_variant_is_in_every_configuration_with_one_instance_type() -> None:
    """AWS refuses an update that removes it, or changes its type."""
    for config in (config_of(1), config_of(1, 2, 0.1), config_of(2)):
        variants = {v["VariantName"]: v["InstanceType"] for v in config.request["ProductionVariants"]}
        assert variants[names.CHAMPION] == settings().endpoint_instance


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("CreateModel", f"model/{model_name(7)}"),
        ("DeleteModel", f"model/{model_name(7)}"),
        ("CreateEndpointConfig", f"endpoint-config/{config_of(1, 2, 0.1).name}"),
        ("DeleteEndpointConfig", f"endpoint-config/{config_of(7).name}"),
        ("CreateEndpoint", f"endpoint-config/{config_of(7).name}"),
        ("CreateEndpoint", f"endpoint/{settings().endpoint}"),
        ("UpdateEndpoint", f"endpoint-config/{config_of(7).name}"),
        ("InvokeEndpoint", f"endpoint/{settings().endpoint}"),
        ("CreateHyperParameterTuningJob", "hyper-parameter-tuning-job/churn-tune-0123456789abcdef-1"),
        ("DescribeTrainingJob", "training-job/churn-tune-0123456789abcdef-1-001-1a2b3c4d"),
        ("CreateModelPackage", f"model-package-group/{settings().churn_model_group}"),
        ("PutRecord", f"feature-group/{settings().feature_group}"),
    ],
)
def test_a_flow_run_may_do_it_to_what_it_names(action: str, resource: str) -> None:
    allowed = [
        str(pattern).rpartition("}:")[2]
        for statement in statements_of(names.FLOW_RUN)
        if f"sagemaker:{action}" in listed(statement["Action"])
        for pattern in listed(statement["Resource"])
    ]
    assert any(fnmatchcase(resource, pattern) for pattern in allowed), allowed


def test_captured_requests_are_written_by_sagemaker_and_expire() -> None:
    folder = captured_folder().removeprefix(f"s3://{settings().artifacts_bucket}/")
    written = [
        str(resource).rpartition("}/")[2]
        for statement in statements_of(names.SAGEMAKER)
        if "s3:PutObject" in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    ]
    assert f"{folder}/*" in written
    (rules,) = [
        bucket["LifecycleConfiguration"]["Rules"]
        for bucket in declared("lake", "AWS::S3::Bucket")
        if bucket["BucketName"].startswith(names.ARTIFACTS)
    ]
    expiring = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule}
    assert expiring[f"{folder}/"] == 365


def test_what_is_for_one_run_expires_after_the_ledger_forgot_its_job_and_what_is_published_never_does() -> (
    None
):
    (rules,) = [
        bucket["LifecycleConfiguration"]["Rules"]
        for bucket in declared("lake", "AWS::S3::Bucket")
        if bucket["BucketName"].startswith(names.LAKE)
    ]
    expiring = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule}
    of_a_run = (f"{churn_folders.ROWS}/", f"{churn_scoring.ANSWERS}/")
    a_day, two_days_late = 24 * 3600, 2
    for prefix in of_a_run:
        assert expiring[prefix] > (rows.forget_at() - rows.now()) / a_day + two_days_late
    dataset = Dataset(
        Inputs(date(2026, 3, 1), 90, {}, (), ()), f"s3://lake/{churn_folders.ROWS}/w-1/jr_1", {}, None
    )
    published = (
        dataset.outcomes_of(date(2025, 12, 1)),
        f"{churn_publishing.folder('w', 1)}/",
        f"s3://lake/{churn_scoring.ANSWERS}/w-1/".replace("/raw/", "/data/", 1),
    )
    for address in published:
        key = address.removeprefix("s3://").partition("/")[2]
        assert not [prefix for prefix in expiring if key.startswith(prefix)], address
