"""Jobs and models put back as they were: what no call of AWS can do, and the trials of `make faults` need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from local.aws.checkpoints import PATH
from local.aws.server import LocalAws

GROUP = "put-back"


@pytest.fixture
def ask(aws: LocalAws) -> Callable[[str, str], int]:
    def ask(method: str, name: str) -> int:
        with urlopen(Request(f"{aws.url}{PATH}{name}", method=method)) as answer:
            return int(answer.status)

    return ask


def test_models_are_as_they_were(service: Callable[[str], Any], ask: Callable[[str, str], int]) -> None:
    sagemaker = service("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName=GROUP)
    arn = sagemaker.create_model_package(ModelPackageGroupName=GROUP)["ModelPackageArn"]
    assert ask("PUT", "first") == 204

    def versions() -> list[tuple[int, str]]:
        listed = sagemaker.list_model_packages(ModelPackageGroupName=GROUP)["ModelPackageSummaryList"]
        return [(package["ModelPackageVersion"], package["ModelApprovalStatus"]) for package in listed]

    for _ in range(2):  # what was put back is changed again, and put back again
        sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
        sagemaker.create_model_package(ModelPackageGroupName=GROUP)
        assert versions() == [(1, "Approved"), (2, "PendingManualApproval")]
        assert ask("POST", "first") == 204
        assert versions() == [(1, "PendingManualApproval")]


def test_what_was_not_saved_is_not_put_back(ask: Callable[[str, str], int]) -> None:
    with pytest.raises(HTTPError, match="404"):
        ask("POST", "never-saved")


def test_a_job_run_after_the_checkpoint_has_not_been(
    run_job: Callable[..., dict[str, Any]], glue: Any, ask: Callable[[str, str], int]
) -> None:
    before = run_job("")
    assert ask("PUT", "one-run") == 204
    glue.start_job_run(JobName=before["JobName"])
    assert len(glue.get_job_runs(JobName=before["JobName"])["JobRuns"]) == 2
    assert ask("POST", "one-run") == 204
    assert [run["Id"] for run in glue.get_job_runs(JobName=before["JobName"])["JobRuns"]] == [before["Id"]]
