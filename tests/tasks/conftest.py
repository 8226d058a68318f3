"""An empty AWS account in this process, for tests that need no server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from urllib.request import Request, urlopen

import pytest
from moto import mock_aws

from local import resources
from local.aws_resources import create_table
from tasks.lake import lake_tables
from tasks.runs import alerts
from tasks.services import aws
from tasks.settings import settings
from tests.moto_server import moto_server
from tests.tasks import aws_calls

aws_calls.watch()

DAY = date(2025, 1, 6)
CLIENTS = (
    *(aws.s3, aws.glue, aws.glue_once, aws.dynamodb, aws.sns, aws.sqs),
    *(aws.cloudwatch, aws.sagemaker, aws.secrets),
)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    with mock_aws():
        _clients_of("this process")
        aws.s3().create_bucket(
            Bucket="highwater-lake", CreateBucketConfiguration={"LocationConstraint": "ap-south-1"}
        )
        create_table(aws.dynamodb(), resources.LEDGER)
        for topic in ("highwater-alerts", "highwater-warnings", "highwater-critical"):
            aws.sns().create_topic(Name=topic)
        yield
        alerts._topic_arn.cache_clear()
        settings.cache_clear()


_known_place = ""


def _clients_of(place: str) -> None:
    """Making a client takes longer than most tests: those of the test before serve as long as the place is the same."""
    global _known_place
    if place != _known_place:
        for client in CLIENTS:
            client.cache_clear()
        _known_place = place
    alerts._topic_arn.cache_clear()
    settings.cache_clear()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture
def empty_lake(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "ap-south-1",
    }.items():
        monkeypatch.setenv(name, value)
    _clients_of(server)
    lake_tables.catalog.cache_clear()
    aws.s3().create_bucket(
        Bucket="highwater-lake", CreateBucketConfiguration={"LocationConstraint": "ap-south-1"}
    )
    for name in ("curated", "quarantine"):
        aws.glue().create_database(DatabaseInput={"Name": name})
    yield
    urlopen(Request(f"{server}/moto-api/reset", method="POST")).close()
    lake_tables.catalog.cache_clear()
