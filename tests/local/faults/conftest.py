"""A local AWS and a local Snowflake with the fault proxies in front, and clients that go through them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
import snowflake.connector
from botocore.config import Config
from snowflake.connector import SnowflakeConnection

from local import resources
from local.aws.server import REGION, LocalAws
from local.faults.plan import Fault
from local.faults.way import FaultyWay
from local.settings import LocalSettings
from tests.local.snowflake.conftest import Connect, aws_endpoint, connect, port  # noqa: F401 - fixtures

BUCKET, TABLE = "lake", "ledger"
Open = Callable[[Fault | None], FaultyWay]


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    server = LocalAws(port=0, state=tmp_path_factory.mktemp("aws"))
    server.start()
    client(server.url, "s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    client(server.url, "dynamodb").create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield server
    server.stop()


@pytest.fixture
def open_way(aws: LocalAws, port: int, connect: Connect) -> Iterator[Open]:  # noqa: F811
    settings = LocalSettings(aws_port=int(aws.url.rpartition(":")[2]), snowflake_port=port)
    secrets = client(aws.url, "secretsmanager")
    name = resources.SNOWFLAKE_SECRET.name
    if not secrets.list_secrets()["SecretList"]:
        secrets.create_secret(Name=name, SecretString=json.dumps({"port": port}))
    ways: list[FaultyWay] = []

    def new(fault: Fault | None = None) -> FaultyWay:
        ways.append(FaultyWay(settings, fault))
        return ways[-1]

    yield new
    for way in ways:
        way.__exit__(None, None, None)


def client(url: str, service: Any, attempts: int = 1) -> Any:
    """One attempt only, so that a test sees what the wire did."""
    return boto3.client(
        service,
        endpoint_url=url,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        region_name=REGION,
        config=Config(retries={"total_max_attempts": attempts}, connect_timeout=5, read_timeout=20),
    )


def through(way: FaultyWay, service: str, attempts: int = 1) -> Any:
    return client(way.environment["AWS_ENDPOINT_URL"], service, attempts)


def snowflake_through(way: FaultyWay, aws: LocalAws) -> SnowflakeConnection:
    secret = client(aws.url, "secretsmanager").get_secret_value(
        SecretId=way.environment["HIGHWATER_SNOWFLAKE_SECRET"]
    )
    return snowflake.connector.connect(
        host="127.0.0.1",
        port=json.loads(secret["SecretString"])["port"],
        protocol="http",
        account="local",
        user="test",
        password="any",
        database="HIGHWATER",
        schema="RAW",
        login_timeout=10,
        network_timeout=20,
    )
