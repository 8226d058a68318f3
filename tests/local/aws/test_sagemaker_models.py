"""The model registry keeps what it was told: stock moto forgets approvals and replaces groups and models."""

from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def group(sagemaker: Any) -> str:
    name = f"g-{time.monotonic_ns()}"
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    return name


def test_an_update_changes_what_it_names_and_nothing_else(sagemaker: Any, group: str) -> None:
    arn = sagemaker.create_model_package(
        ModelPackageGroupName=group,
        ModelApprovalStatus="Approved",
        CustomerMetadataProperties={"wmape": "0.21", "as_of": "2026-01-05"},
    )["ModelPackageArn"]

    sagemaker.update_model_package(ModelPackageArn=arn, ApprovalDescription="looks good")
    sagemaker.update_model_package(
        ModelPackageArn=arn,
        CustomerMetadataProperties={"wmape": "0.20", "bias": "0"},
        CustomerMetadataPropertiesToRemove=["as_of"],
    )

    package = sagemaker.describe_model_package(ModelPackageName=arn)
    assert (package["ModelApprovalStatus"], package["ApprovalDescription"]) == ("Approved", "looks good")
    assert package["CustomerMetadataProperties"] == {"wmape": "0.20", "bias": "0"}
    sagemaker.update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Rejected", ApprovalDescription="no"
    )
    package = sagemaker.describe_model_package(ModelPackageName=arn)
    assert (package["ModelApprovalStatus"], package["ApprovalDescription"]) == ("Rejected", "no")


@pytest.mark.parametrize(
    "given", [{f"n{i}": "0" for i in range(50)}, {"why": "x" * 257}, {"why": "a, b"}, {"n" * 129: "0"}]
)
def test_metadata_that_aws_refuses_is_refused(sagemaker: Any, group: str, given: dict[str, str]) -> None:
    arn = sagemaker.create_model_package(
        ModelPackageGroupName=group, CustomerMetadataProperties={"as_of": "2026-01-05"}
    )["ModelPackageArn"]
    with pytest.raises(ClientError, match="ValidationException"):
        sagemaker.update_model_package(ModelPackageArn=arn, CustomerMetadataProperties=given)
    package = sagemaker.describe_model_package(ModelPackageName=arn)
    assert package["CustomerMetadataProperties"] == {"as_of": "2026-01-05"}


def test_versions_wait_for_approval_unless_told_otherwise(sagemaker: Any, group: str) -> None:
    arns = [
        sagemaker.create_model_package(ModelPackageGroupName=group, **given)["ModelPackageArn"]
        for given in ({}, {"ModelApprovalStatus": "Approved"}, {})
    ]
    sagemaker.update_model_package(ModelPackageArn=arns[2], ModelApprovalStatus="Approved")

    def versions(**wanted: str) -> list[tuple[int, str]]:
        listed = sagemaker.list_model_packages(ModelPackageGroupName=group, **wanted)[
            "ModelPackageSummaryList"
        ]
        return [(package["ModelPackageVersion"], package["ModelApprovalStatus"]) for package in listed]

    assert versions() == [(1, "PendingManualApproval"), (2, "Approved"), (3, "Approved")]
    newest_first = {"SortBy": "CreationTime", "SortOrder": "Descending"}
    assert versions(ModelApprovalStatus="Approved", **newest_first) == [(3, "Approved"), (2, "Approved")]


def test_a_repeated_client_token_makes_one_version(sagemaker: Any, group: str) -> None:
    token = f"token-{time.monotonic_ns()}"
    arns = [
        sagemaker.create_model_package(ModelPackageGroupName=group, ClientToken=given)["ModelPackageArn"]
        for given in (token, token, f"{token}-other")
    ]

    assert arns[0] == arns[1] != arns[2]
    assert len(sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]) == 2


def test_a_group_and_a_model_are_created_once(sagemaker: Any, group: str, make_model: Any) -> None:
    sagemaker.create_model_package(ModelPackageGroupName=group)
    model = make_model({})

    with pytest.raises(ClientError, match="Model Package Group already exists: arn:aws:sagemaker"):
        sagemaker.create_model_package_group(ModelPackageGroupName=group)
    with pytest.raises(ClientError, match="Cannot create already existing model"):
        sagemaker.create_model(ModelName=model, PrimaryContainer={"Image": "i", "ModelDataUrl": "s3://a/b"})

    assert len(sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]) == 1
    assert sagemaker.describe_model(ModelName=model)["PrimaryContainer"]["ModelDataUrl"].startswith(
        "s3://lake/"
    )


def test_a_version_of_no_group_is_refused(sagemaker: Any) -> None:
    with pytest.raises(ClientError, match="Model Package Group does not exist"):
        sagemaker.create_model_package(ModelPackageGroupName="no-such-group")
