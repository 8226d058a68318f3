"""The log groups that we make: each with the key, and for as long as the environment keeps logs.

Glue, SageMaker and Container Insights would make theirs themselves, without a key, and with an end of their own or none.
What they are called is theirs to say: where it is written is in docs/deploy.md (Service-made log groups).
"""

from __future__ import annotations

from typing import Final

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs

from deployments import names

_RETENTION: Final = {
    30: logs.RetentionDays.ONE_MONTH,
    90: logs.RetentionDays.THREE_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
}
_GLUE: Final = "/aws-glue/jobs"
_OF_ALL_GLUE_JOBS: Final = {"GlueLogs": f"{_GLUE}/logs-v2-{names.GLUE_SECURITY}"}
# Trials of a tuning job are training jobs.
OF_SAGEMAKER: Final = {
    "ProcessingLogs": "/aws/sagemaker/ProcessingJobs",
    "TrainingLogs": "/aws/sagemaker/TrainingJobs",
    "TransformLogs": "/aws/sagemaker/TransformJobs",
    "EndpointLogs": f"/aws/sagemaker/Endpoints/{names.ENDPOINT}",
}
# Of Container Insights. It has to be there before the cluster is.
OF_CLUSTER: Final = f"/aws/ecs/containerinsights/{names.CLUSTER}/performance"


def of_glue(role: str) -> dict[str, str]:
    """What jobs of this role write to, with the security configuration that all jobs have."""
    return {
        **_OF_ALL_GLUE_JOBS,
        **{
            f"{role}-{stream}": f"{_GLUE}/{names.GLUE_SECURITY}-role/{role}/{stream}"
            for stream in ("output", "error")
        },
    }


def log_group(stack: Stack, construct: str, name: str, key: kms.IKey, days: int) -> logs.LogGroup:
    return logs.LogGroup(
        stack,
        construct,
        log_group_name=name,
        encryption_key=key,
        retention=_RETENTION[days],
        removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    )


def of_jobs(stack: Stack, key: kms.IKey, days: int) -> None:
    groups = {**of_glue(names.GLUE), **of_glue(names.GLUE_MEDALLION), **OF_SAGEMAKER}
    for construct, name in groups.items():
        log_group(stack, construct, name, key, days)
