"""Registered once per work, found again with its figures, approved without losing them; on moto's registry."""

from __future__ import annotations

import pytest

from tasks.errors import SystemFault
from tasks.forecast.forecast_models import registry
from tasks.models import model_registry
from tasks.models.model_registry import ModelVersion
from tasks.services import aws

GROUP = "highwater-demand-forecast"
FIGURES = {"as_of": "2026-11-23", "wmape": "0.123", "relative_wmape": "0.61", "snapshot.sales": "77"}


@pytest.fixture
def group(account: None) -> None:
    aws.sagemaker().create_model_package_group(ModelPackageGroupName=GROUP)


def register(
    work: str, status: model_registry.Status = "PendingManualApproval", **metadata: str
) -> ModelVersion:
    address = f"s3://highwater-artifacts/{work}/model.tar.gz"
    return registry().register(
        work, address, "image:3.2-0", "s3://highwater-lake/evaluation.json", {**FIGURES, **metadata}, status
    )


def test_a_version_carries_what_it_was_made_of(group: None) -> None:
    made = register("a" * 24)
    assert (made.number, made.name, made.status) == (1, "v1", "PendingManualApproval")
    assert made.metadata == {"work": "a" * 24, **FIGURES}
    assert (made.model_data, made.image) == (
        f"s3://highwater-artifacts/{'a' * 24}/model.tar.gz",
        "image:3.2-0",
    )
    assert made.figure("wmape") == 0.123
    assert made.figure("unknown") is None
    package = aws.sagemaker().describe_model_package(ModelPackageName=made.arn)
    assert package["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"] == made.evaluation
    assert made.evaluation == "s3://highwater-lake/evaluation.json"


def test_the_same_work_is_registered_once(group: None) -> None:
    first, second = register("a" * 24), register("b" * 24)
    assert register("a" * 24, "Approved") == first
    assert [first.number, second.number] == [1, 2]
    assert (
        len(aws.sagemaker().list_model_packages(ModelPackageGroupName=GROUP)["ModelPackageSummaryList"]) == 2
    )


def test_the_approved_model_is_the_newest_that_is_approved(group: None) -> None:
    assert registry().newest() is None
    register("a" * 24, "Approved")
    newer = register("b" * 24, "Approved")
    pending = register("c" * 24)
    assert registry().newest("Approved") == newer
    assert registry().newest() == pending


def test_an_old_day_that_is_run_again_makes_no_newer_model(group: None) -> None:
    monday = register("a" * 24, "Approved", as_of="2026-11-23", horizon_weeks="13")
    register("b" * 24, "Approved", as_of="2026-11-08", horizon_weeks="13")
    register("c" * 24, as_of="2026-11-15")
    assert registry().newest() == monday
    assert registry().newest("Approved", 13) == monday
    again = register("d" * 24, "Approved", as_of="2026-11-23")
    assert registry().newest("Approved") == again
    assert [v.number for v in registry().last(2, "Approved")] == [4, 1]
    assert [v.number for v in registry().last(9, "Approved", 13)] == [1, 2]


def test_a_model_is_held_against_one_that_looks_with_same_horizon(group: None) -> None:
    far = register("a" * 24, "Approved", horizon_weeks="13")
    register("b" * 24, "Approved", horizon_weeks="3")
    register("c" * 24, horizon_weeks="13")
    assert registry().newest("Approved", 13) == far
    assert registry().newest("Approved", 26) is None


def test_errors_are_measured_over_all_that_look_with_same_horizon_and_may_be_used(group: None) -> None:
    register("a" * 24, horizon_weeks="13")
    register("b" * 24, "Rejected", horizon_weeks="13")
    register("c" * 24, "Approved", horizon_weeks="3")
    used = register("d" * 24, "Approved", horizon_weeks="13")
    refused = register("e" * 24, "Rejected", horizon_weeks="3")
    assert registry().alike_names(used) == ("v4", "v1")
    assert registry().alike_names(refused) == ("v5", "v3")


@pytest.mark.parametrize("status", ["Approved", "Rejected"])
def test_a_decision_changes_the_status(group: None, status: str) -> None:
    pending = register("a" * 24)
    decided = model_registry.decide(pending, status, "looked at the plot")  # type: ignore[arg-type]
    assert decided.status == status
    assert model_registry.current(pending) == decided
    assert (registry().newest("Approved") is not None) == (status == "Approved")


def test_a_missing_group_is_a_fault_that_names_it(account: None) -> None:
    with pytest.raises(SystemFault, match=f"registering a model in {GROUP}"):
        register("a" * 24)
