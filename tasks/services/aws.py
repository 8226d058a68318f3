"""boto3 clients, one per service and process: creating one takes tens of milliseconds, and they are thread-safe.

Clients retry a request whose response was lost. Calls that are not safe to repeat use a client that sends each request once;
the caller then checks whether it took effect. docs/aws-calls.md lists which kind each call is, and why.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

_CONFIG = Config(retries={"mode": "standard", "max_attempts": 5}, max_pool_connections=32)
_PACED = Config(retries={"mode": "adaptive", "total_max_attempts": 8}, max_pool_connections=32)
_ONCE = Config(retries={"mode": "standard", "total_max_attempts": 1}, max_pool_connections=32)


@cache
def s3() -> S3Client:
    return boto3.client("s3", config=_CONFIG)


@cache
def glue() -> GlueClient:
    return boto3.client("glue", config=_CONFIG)


@cache
def glue_once() -> GlueClient:
    """For StartJobRun, where a repeat starts a second run, and UpdateTable, where a repeat is rejected."""
    return boto3.client("glue", config=_ONCE)


@cache
def dynamodb() -> DynamoDBClient:
    return boto3.client("dynamodb", config=_CONFIG)


@cache
def sns() -> SNSClient:
    return boto3.client("sns", config=_CONFIG)


@cache
def sqs() -> SQSClient:
    return boto3.client("sqs", config=_CONFIG)


@cache
def sagemaker() -> SageMakerClient:
    return boto3.client("sagemaker", config=_CONFIG)


@cache
def feature_store() -> Any:
    """The records of feature groups. When AWS throttles, all threads together send less."""
    return boto3.client("sagemaker-featurestore-runtime", config=_PACED)


@cache
def sagemaker_runtime() -> Any:  # its stubs are not installed
    """For InvokeEndpoint. An answer may take a minute, so that the reading waits a little longer."""
    return boto3.client("sagemaker-runtime", config=_CONFIG.merge(Config(read_timeout=70)))


@cache
def secrets() -> SecretsManagerClient:
    return boto3.client("secretsmanager", config=_CONFIG)


@cache
def cloudwatch() -> CloudWatchClient:
    return boto3.client("cloudwatch", config=_CONFIG)


def split(uri: str) -> tuple[str, str]:
    """Split `s3://bucket/key` into bucket and key."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket or not key:
        raise ValueError(f"{uri!r} is not an s3://bucket/key address")
    return bucket, key
