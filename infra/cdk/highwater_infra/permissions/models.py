"""What a flow run needs to make models: their jobs, and their versions in the registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from deployments import names
from highwater_infra.permissions.isolation import ALONE, TrainingNetwork
from highwater_infra.permissions.statement import Statement, arn

_JOBS: Final[Mapping[str, str]] = {
    "Training": "training-job",
    "Processing": "processing-job",
    "Transform": "transform-job",
}
_TUNING: Final[Mapping[str, str]] = {"HyperParameterTuning": "hyper-parameter-tuning-job"}
_BY_RUN: Final = "a job's name ends with the run that it belongs to"
_IN_OUR_NETWORK: Final = ("Training", "HyperParameterTuning")


def flow_run(network: TrainingNetwork) -> list[Statement]:
    """A trial is a training job: its name begins with that of its tuning job, which stops it when it is stopped."""
    tuning = arn("sagemaker", f"{_TUNING['HyperParameterTuning']}/{names.CHURN_JOBS}-*")
    return [
        *_jobs(names.FORECAST_JOBS, network),
        *_jobs(names.CHURN_JOBS, network, {**_JOBS, **_TUNING}),
        Statement(["sagemaker:ListTrainingJobsForHyperParameterTuningJob"], [tuning], because=_BY_RUN),
        *models(f"{names.FORECAST_JOBS}-*", f"{names.CHURN_JOBS}-*", because=_BY_RUN),
        _versions(names.MODEL_GROUP),
        _versions(names.CHURN_MODEL_GROUP),
    ]


def _jobs(prefix: str, network: TrainingNetwork, kinds: Mapping[str, str] = _JOBS) -> list[Statement]:
    """To run jobs of these kinds (as in the calls, with the type of their ARNs) under names that begin with the prefix.

    A transform has the network of its model.
    """
    named = {kind: arn("sagemaker", f"{resource}/{prefix}-*") for kind, resource in kinds.items()}
    verbs = [f"sagemaker:{verb}{kind}Job" for verb in ("Describe", "Stop") for kind in kinds]
    trained = [kind for kind in kinds if kind in _IN_OUR_NETWORK]
    return [
        Statement(
            [*verbs, "sagemaker:CreateTransformJob", "sagemaker:AddTags"], [*named.values()], because=_BY_RUN
        ),
        Statement(["sagemaker:CreateProcessingJob"], [named["Processing"]], ALONE, because=_BY_RUN),
        Statement(
            [f"sagemaker:Create{kind}Job" for kind in trained],
            [named[kind] for kind in trained],
            network.alone_within(),
            because=_BY_RUN,
        ),
    ]


def models(*prefixes: str, because: str) -> list[Statement]:
    """To make models, which have no network, and to look at them."""
    resources = [arn("sagemaker", f"model/{prefix}") for prefix in prefixes]
    return [
        Statement(["sagemaker:CreateModel"], resources, ALONE, because=because),
        Statement(["sagemaker:DescribeModel"], resources, because=because),
    ]


def _versions(group: str) -> Statement:
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
