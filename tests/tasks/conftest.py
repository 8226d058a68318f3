"""An empty AWS account in this process, for tests that need no server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws

from tasks import alerts, aws
from tasks.settings import settings

CLIENTS = (aws.s3, aws.glue, aws.dynamodb, aws.sns, aws.cloudwatch, aws.sagemaker)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    with mock_aws():
        _forget()
        aws.s3().create_bucket(
            Bucket="highwater-lake", CreateBucketConfiguration={"LocationConstraint": "ap-south-1"}
        )
        aws.dynamodb().create_table(
            TableName="highwater-ledger",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        aws.sns().create_topic(Name="highwater-alerts")
        yield
    _forget()


def _forget() -> None:
    for client in CLIENTS:
        client.cache_clear()
    alerts._topic_arn.cache_clear()
    settings.cache_clear()
