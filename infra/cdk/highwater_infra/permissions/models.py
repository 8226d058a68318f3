"""What a flow run needs for the models of one kind: their jobs, and their versions in the registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from highwater_infra.permissions.statement import Statement, arn

JOBS: Final[Mapping[str, str]] = {
    "Training": "training-job",
    "Processing": "processing-job",
    "Transform": "transform-job",
}
TUNING: Final[Mapping[str, str]] = {"HyperParameterTuning": "hyper-parameter-tuning-job"}
BY_RUN: Final = "a job's name ends with the run that it belongs to"


def jobs(prefix: str, kinds: Mapping[str, str] = JOBS) -> Statement:
    """To run jobs of these kinds (as in the calls, with the type of their ARNs) under names that begin with the prefix."""
    verbs = [f"sagemaker:{verb}{kind}Job" for verb in ("Create", "Describe", "Stop") for kind in kinds]
    return Statement(
        [*verbs, "sagemaker:AddTags"],
        [arn("sagemaker", f"{resource}/{prefix}-*") for resource in kinds.values()],
        because=BY_RUN,
    )


def versions(group: str) -> Statement:
    return Statement(
        [
            "sagemaker:CreateModelPackage",
            "sagemaker:DescribeModelPackage",
            "sagemaker:UpdateModelPackage",
            "sagemaker:DescribeModelPackageGroup",
        ],
        [arn("sagemaker", f"model-package-group/{group}"), arn("sagemaker", f"model-package/{group}/*")],
        because="SageMaker numbers the versions of the group",
    )
