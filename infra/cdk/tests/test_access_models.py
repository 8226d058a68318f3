"""Who makes, trains, serves and reads models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.roles import NAME, actions_of, listed, named_by, places_of, statements_of

if TYPE_CHECKING:
    from tests.conftest import Templates


_FORECAST_JOBS = {f"{kind}-job/demand-forecast-*" for kind in ("training", "processing", "transform")}
_CHURN_JOBS = {
    f"{kind}-job/churn-*" for kind in ("training", "processing", "transform", "hyper-parameter-tuning")
}

_TRAINED = {"training-job/churn-*", "hyper-parameter-tuning-job/churn-*"}


@pytest.mark.parametrize(
    ("action", "resources"),
    [
        ("CreateTrainingJob", {"training-job/demand-forecast-*", *_TRAINED}),
        ("CreateHyperParameterTuningJob", _TRAINED),
        ("CreateProcessingJob", {"processing-job/demand-forecast-*", "processing-job/churn-*"}),
        ("CreateTransformJob", _FORECAST_JOBS | _CHURN_JOBS),
        ("StopHyperParameterTuningJob", _CHURN_JOBS),
        ("ListTrainingJobsForHyperParameterTuningJob", {"hyper-parameter-tuning-job/churn-*"}),
        ("DeleteModel", {"model/highwater-churn-live-*"}),
        ("CreateModel", {"model/demand-forecast-*", "model/churn-*", "model/highwater-churn-live-*"}),
        ("PutRecord", {"feature-group/highwater-customer-features"}),
        ("DeleteRecord", {"feature-group/highwater-customer-features"}),
        ("UpdateEndpoint", {"endpoint/highwater-churn", "endpoint-config/highwater-churn-*"}),
        ("UpdateEndpointWeightsAndCapacities", {"endpoint/highwater-churn"}),
        ("InvokeEndpoint", {"endpoint/highwater-churn"}),
        ("DeleteEndpoint", {"endpoint/highwater-churn"}),
        ("DeleteEndpointConfig", {"endpoint-config/highwater-churn-*"}),
    ],
)
def test_a_flow_run_makes_and_serves_models_under_their_names_alone(
    prod: Templates, action: str, resources: set[str]
) -> None:
    statements = statements_of(prod, "highwater-flow-run")
    assert named_by(statements, f"sagemaker:{action}") == resources


@pytest.mark.parametrize(
    ("action", "in_our_network"),
    [
        ("CreateTrainingJob", True),
        ("CreateHyperParameterTuningJob", True),
        ("CreateProcessingJob", False),
        ("CreateModel", False),
    ],
)
def test_no_program_of_sagemakers_gets_a_network(prod: Templates, action: str, in_our_network: bool) -> None:
    statements = [
        s for s in statements_of(prod, "highwater-flow-run") if f"sagemaker:{action}" in listed(s["Action"])
    ]
    assert statements
    for statement in statements:
        conditions = dict(statement["Condition"])
        assert conditions.pop("Bool") == {"sagemaker:NetworkIsolation": "true"}
        if not in_our_network:
            assert conditions == {}
            continue
        # A request that names no subnet and no group would meet the first alone.
        assert conditions["Null"] == {
            "sagemaker:VpcSubnets": "false",
            "sagemaker:VpcSecurityGroupIds": "false",
        }
        named = conditions["ForAllValues:StringEquals"]
        assert len(named["sagemaker:VpcSubnets"]) == 2
        assert "Training" in str(named["sagemaker:VpcSecurityGroupIds"])


def test_sagemaker_puts_interfaces_into_our_subnets_alone(prod: Templates) -> None:
    statements = statements_of(prod, "highwater-sagemaker")

    def of(action: str) -> dict[str, Any]:
        (found,) = [s for s in statements if f"ec2:{action}" in listed(s["Action"])]
        return found

    places = [
        [part for part in resource["Fn::Join"][1] if isinstance(part, str)][-1].removeprefix(":")
        for resource in of("CreateNetworkInterface")["Resource"]
    ]
    assert sorted(places) == ["network-interface/*", "security-group/", "subnet/", "subnet/"]
    for action in ("CreateNetworkInterfacePermission", "DeleteNetworkInterface"):
        assert len(of(action)["Condition"]["ArnEquals"]["ec2:Subnet"]) == 2


def test_scaling_is_ended_for_endpoints_alone(prod: Templates) -> None:
    statements = statements_of(prod, "highwater-flow-run")
    (ended,) = [s for s in statements if "application-autoscaling" in str(s["Action"])]
    assert ended["Action"] == "application-autoscaling:DeregisterScalableTarget"
    assert ended["Condition"] == {"StringEquals": {"application-autoscaling:service-namespace": "sagemaker"}}


def test_a_flow_run_reads_what_models_wrote_and_writes_none_of_it(prod: Templates) -> None:
    statements = statements_of(prod, "highwater-flow-run")
    models = {"lake/feature-store/*", "artifacts/churn/*", "artifacts/endpoints/captured/*"}
    assert models <= places_of(statements, "s3:GetObject")
    assert not models & places_of(statements, "s3:PutObject")


def test_the_offline_store_is_written_by_a_role_of_its_own(prod: Templates) -> None:
    statements = statements_of(prod, "highwater-feature-store")
    assert actions_of(statements) == {
        "kms:Decrypt", "kms:GenerateDataKey", "s3:GetBucketAcl", "s3:PutObject", "s3:PutObjectAcl"
    }  # fmt: skip
    assert places_of(statements, "s3:PutObject") == {"lake/feature-store/*"}
    writers = {
        role["RoleName"]
        for role in prod[NAME].properties("AWS::IAM::Role")
        if "lake/feature-store/*" in places_of(statements_of(prod, role["RoleName"]), "s3:PutObject")
    }
    assert writers == {"highwater-feature-store"}
    group = prod["highwater-compute"].one("AWS::SageMaker::FeatureGroup")
    assert "highwaterfeaturestore" in str(group["RoleArn"])


def test_jobs_read_and_write_their_part_of_the_churn_model(prod: Templates) -> None:
    glue, sagemaker = (
        statements_of(prod, "highwater-glue-medallion"),
        statements_of(prod, "highwater-sagemaker"),
    )
    assert {"lake/feature-store/*", "lake/ml/churn_predictions/*"} <= places_of(glue, "s3:GetObject")
    assert {place for place in places_of(glue, "s3:PutObject") if "/ml" in place} == {
        "lake/ml/churn_dataset/*",
        "lake/ml/churn_outcomes/data/*",
    }
    assert {"lake/ml/*", "artifacts/churn/*"} <= places_of(sagemaker, "s3:GetObject")
    assert places_of(sagemaker, "s3:PutObject") == {
        "lake/ml/predictions/*", "lake/ml/churn_predictions/*",
        "artifacts/demand_forecast/*", "artifacts/churn/*", "artifacts/endpoints/captured/*",
    }  # fmt: skip
