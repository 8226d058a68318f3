from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contracts.shop.customer_features import FEATURES
from deployments import glue_code

if TYPE_CHECKING:
    from tests.conftest import Templates

NAME = "highwater-compute"


def test_jobs_bring_their_code_and_encrypt_what_they_write(prod: Templates) -> None:
    jobs = prod[NAME].properties("AWS::Glue::Job")
    assert {job["GlueVersion"] for job in jobs} == {"5.1"}
    assert {job["SecurityConfiguration"]["Ref"] for job in jobs} == {"Security"}
    archives = {job["Name"]: str(job["DefaultArguments"]["--extra-py-files"]).count(".zip") for job in jobs}
    assert archives.pop("highwater-silver") == 2  # the library of phone numbers beside our own code
    assert set(archives.values()) == {1}
    for job in jobs:
        assert str(job["Command"]["ScriptLocation"]).count(".py") == 1
    encryption = prod[NAME].one("AWS::Glue::SecurityConfiguration")["EncryptionConfiguration"]
    assert encryption["S3Encryptions"][0]["S3EncryptionMode"] == "SSE-KMS"
    assert encryption["CloudWatchEncryption"]["CloudWatchEncryptionMode"] == "SSE-KMS"


def test_jobs_tell_the_version_of_the_code_that_they_bring(
    prod: Templates, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The same hash of the files in the archive as of those in an image of the same commit."""
    assets = Path(tmp_path_factory.getbasetemp()).glob("prod*/asset.*")
    (brought,) = {glue_code.version(asset) for asset in assets if (asset / "contracts").is_dir()}
    told = {job["DefaultArguments"]["--code_version"] for job in prod[NAME].properties("AWS::Glue::Job")}
    assert told == {brought} == {glue_code.version()}


@pytest.mark.parametrize("environment", ["prod", "private"])
def test_jobs_are_deployed_before_the_image_that_starts_them(
    environment: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    request.getfixturevalue(environment)
    manifest = tmp_path_factory.getbasetemp() / f"{environment}0" / "manifest.json"
    artifacts = json.loads(manifest.read_text())["artifacts"]
    assert NAME in artifacts["highwater-orchestration"]["dependencies"]


def test_a_failed_job_is_repeated_by_the_flow_alone(prod: Templates) -> None:
    assert {job["MaxRetries"] for job in prod[NAME].properties("AWS::Glue::Job")} == {0}


def test_production_is_given_more_workers_than_development(prod: Templates, dev: Templates) -> None:
    def sizes(templates: Templates) -> set[tuple[str, int]]:
        return {
            (job["WorkerType"], job["NumberOfWorkers"])
            for job in templates[NAME].properties("AWS::Glue::Job")
        }

    assert sizes(prod) == {("G.2X", 5)}
    assert sizes(dev) == {("G.1X", 2)}


@pytest.mark.parametrize(
    ("job", "role"),
    [
        ("highwater-curate", "highwaterglue"),
        ("highwater-demand-features", "highwaterglue"),
        ("highwater-churn-dataset", "highwatergluemedallion"),
        ("highwater-gold", "highwatergluemedallion"),
    ],
)
def test_personal_data_is_read_by_the_medallions_role_alone(prod: Templates, job: str, role: str) -> None:
    found = prod[NAME].one("AWS::Glue::Job", Name=job)["Role"]["Fn::ImportValue"]
    assert ("medallion" in found) == ("medallion" in role)
    assert role in found


def test_each_model_has_its_registry(prod: Templates) -> None:
    groups = prod[NAME].properties("AWS::SageMaker::ModelPackageGroup")
    assert [group["ModelPackageGroupName"] for group in groups] == [
        "highwater-demand-forecast",
        "highwater-churn",
    ]


def test_the_feature_group_is_the_contracts(prod: Templates) -> None:
    group = prod[NAME].one("AWS::SageMaker::FeatureGroup")
    assert group["FeatureGroupName"] == "highwater-customer-features"
    keys = (group["RecordIdentifierFeatureName"], group["EventTimeFeatureName"])
    assert keys == ("customer_id", "event_time")
    types = {feature["FeatureName"]: feature["FeatureType"] for feature in group["FeatureDefinitions"]}
    assert types == dict(FEATURES)
    assert (types["customer_key"], types["amount"], types["event_time"]) == (
        "Integral",
        "Fractional",
        "String",
    )
    # AWS gives the offline files columns of these names.
    assert not {"is_deleted", "write_time", "api_invocation_time"} & types.keys()


def test_the_feature_group_is_encrypted_in_the_lake_and_outlives_the_stack(prod: Templates) -> None:
    (resource,) = prod[NAME].all("AWS::SageMaker::FeatureGroup")
    group = resource["Properties"]
    online, offline = group["OnlineStoreConfig"], group["OfflineStoreConfig"]
    assert online["EnableOnlineStore"] is True
    assert "Key" in str(online["SecurityConfig"]["KmsKeyId"]["Fn::ImportValue"])
    storage = offline["S3StorageConfig"]
    assert storage["KmsKeyId"] == online["SecurityConfig"]["KmsKeyId"]
    scheme, bucket, folder = storage["S3Uri"]["Fn::Join"][1]
    assert (scheme, folder) == ("s3://", "/feature-store")
    assert "Lake" in bucket["Fn::ImportValue"]
    assert offline["DisableGlueTableCreation"] is True
    assert resource["DeletionPolicy"] == "RetainExceptOnCreate"


def test_the_champion_is_scaled_once_there_is_an_endpoint(prod: Templates) -> None:
    """The challenger is not: an update that removes a scaled variant is refused."""
    parameter = prod[NAME].content["Parameters"]["ChurnEndpoint"]
    assert (parameter["Default"], parameter["AllowedValues"]) == ("", ["", "deployed"])
    (target,) = prod[NAME].all("AWS::ApplicationAutoScaling::ScalableTarget")
    (policy,) = prod[NAME].all("AWS::ApplicationAutoScaling::ScalingPolicy")
    assert {target["Condition"], policy["Condition"]} == {"ChurnEndpointIsDeployed"}
    scaled = target["Properties"]
    assert scaled["ResourceId"] == "endpoint/highwater-churn/variant/champion"
    assert scaled["ScalableDimension"] == "sagemaker:variant:DesiredInstanceCount"
    assert (scaled["MinCapacity"], scaled["MaxCapacity"]) == (1, 4)
    assert "RoleARN" not in scaled  # the service-linked one
    tracking = policy["Properties"]["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["PredefinedMetricSpecification"] == {
        "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
    }
    assert tracking["TargetValue"] == 3000
    assert tracking["ScaleInCooldown"] > tracking["ScaleOutCooldown"]
