"""What runs inside Glue and SageMaker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from aws_cdk import Aws

from deployments import names
from highwater_infra.buckets import bucket_arn
from highwater_infra.log_groups import OF_SAGEMAKER, of_glue
from highwater_infra.permissions.churn import CAPTURED, MODELS
from highwater_infra.permissions.isolation import TrainingNetwork
from highwater_infra.permissions.statement import (
    IMAGE_LAYERS,
    Statement,
    arn,
    key_of_disks,
    listing,
    location,
    metrics,
    objects,
    registry_login,
    use_of_key,
)

# Where jobs and flow runs write. Deliveries under raw/ belong to those who deliver.
WRITTEN: Final = ("curated", "quarantine", "ml", "runs")
_KEYS = "keys hold dates and run ids; the prefix is the boundary"


def glue_job(key_arn: str) -> list[Statement]:
    return _glue(names.GLUE, key_arn, read=("raw", *WRITTEN), written=WRITTEN)


def medallion_job(key_arn: str) -> list[Statement]:
    """Reads bronze and silver, which hold personal data; no other job does. Rows that are in quarantine are known, too.

    The churn model's rows are made from silver, gold and the feature store; its scores go into gold.
    """
    written = (names.SILVER, names.GOLD, "ml/churn_dataset", "ml/churn_outcomes/data", "runs")
    read = (names.BRONZE, "quarantine", "ml/churn_predictions", names.FEATURE_STORE_FOLDER)
    return _glue(names.GLUE_MEDALLION, key_arn, read=(*read, *written), written=written)


def _glue(role: str, key_arn: str, read: Sequence[str], written: Sequence[str]) -> list[Statement]:
    above = _above(written)
    return [
        use_of_key(key_arn),
        location(names.LAKE),
        listing(names.LAKE, *read, also=above),
        Statement(["s3:GetObject"], objects(names.LAKE, *read), because=_KEYS),
        Statement(["s3:GetObject"], [f"{bucket_arn(names.LAKE)}/{folder}" for folder in above]),
        Statement(
            ["s3:GetObject"],
            [f"arn:{Aws.PARTITION}:s3:::cdk-*-assets-{Aws.ACCOUNT_ID}-{Aws.REGION}/*"],
            because="the job's own code, which CDK keeps in the bucket of `cdk bootstrap` under a hash of its content",
        ),
        # Spark's committer renames by deleting what it wrote under _temporary.
        Statement(
            ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
            objects(names.LAKE, *written),
            because=_KEYS,
        ),
        # Without AssociateKmsKey Glue does not log, although the groups have the key already.
        _logging(["logs:AssociateKmsKey"], of_glue(role).values()),
        metrics("Glue"),
    ]


def _above(prefixes: Sequence[str]) -> list[str]:
    """Before it writes, Hadoop looks for a file in the place of each folder up to the first that is there, each time by
    asking for an object of that name, with or without a slash, and by listing what is below. On an empty bucket it goes up
    to the top."""
    parts = [prefix.split("/") for prefix in prefixes]
    folders = {"/".join(path[:depth]) for path in parts for depth in range(1, len(path) + 1)}
    return sorted(folders | {f"{folder}/" for folder in folders})


def sagemaker_job(key_arn: str, network: TrainingNetwork) -> list[Statement]:
    artifacts = ("sagemaker", "demand_forecast", MODELS)
    return [
        use_of_key(key_arn),
        Statement(["kms:Encrypt", "kms:DescribeKey"], [key_arn]),
        key_of_disks(key_arn),
        location(names.LAKE, names.ARTIFACTS),
        listing(names.LAKE, "ml"),
        listing(names.ARTIFACTS, *artifacts, CAPTURED),
        Statement(
            ["s3:GetObject"],
            [*objects(names.LAKE, "ml"), *objects(names.ARTIFACTS, *artifacts)],
            because=_KEYS,
        ),
        Statement(
            ["s3:PutObject", "s3:AbortMultipartUpload"],
            [
                *objects(names.LAKE, "ml/predictions", "ml/churn_predictions"),
                *objects(names.ARTIFACTS, "demand_forecast", MODELS, CAPTURED),
            ],
            because=_KEYS,
        ),
        _logging(["logs:DescribeLogStreams"], OF_SAGEMAKER.values()),
        metrics("/aws/sagemaker/*"),
        *network.interfaces(),
        Statement(
            IMAGE_LAYERS,
            [f"arn:{Aws.PARTITION}:ecr:{Aws.REGION}:*:repository/sagemaker-xgboost"],
            because="AWS publishes the XGBoost image from an account of its own, another one in each region",
        ),
        registry_login(),
    ]


def _logging(more: Sequence[str], groups: Iterable[str]) -> Statement:
    """Into groups that are there: one that a service made would have no key and no end."""
    return Statement(
        ["logs:CreateLogStream", "logs:PutLogEvents", *more],
        [arn("logs", f"log-group:{group}:*") for group in groups],
        because="the streams of a group are named by the service",
    )
