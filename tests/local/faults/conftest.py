"""A local AWS and a local Snowflake with the fault proxies in front, and clients that go through them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
import snowflake.connector
from botocore.config import Config
from snowflake.connector import SnowflakeConnection

from local import resources
from local.aws.server import REGION
from local.faults.plan import Fault
from local.faults.way import FaultyWay
from local.settings import LocalSettings
from tests.free_port import free_port
from tests.local.snowflake.conftest import Connect, aws_endpoint, connect, port  # noqa: F401 - fixtures

BUCKET, TABLE = "lake", "ledger"
Open = Callable[[Fault | None], FaultyWay]


@dataclass(frozen=True)
class Aws:
    url: str


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """A process of its own: what the server changes of moto, another one in this process would change again."""
    state, number = tmp_path_factory.mktemp("aws"), free_port()
    command = [sys.executable, "-m", "local.aws", "--port", str(number), "--state", str(state)]
    server = subprocess.Popen(command, env={**os.environ, "HIGHWATER_LOCAL_SPARK_WARM_JVMS": "0"})
    url = f"http://127.0.0.1:{number}"
    try:
        _wait_for(number, server)
        client(url, "s3").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        client(url, "dynamodb").create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield Aws(url)
    finally:
        server.terminate()
        server.wait(30)


def _wait_for(number: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert server.poll() is None, "the local AWS has ended"
        try:
            socket.create_connection(("127.0.0.1", number), timeout=1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"nobody listens on port {number}")


@pytest.fixture
def open_way(aws: Aws, port: int, connect: Connect) -> Iterator[Open]:  # noqa: F811
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


def snowflake_through(way: FaultyWay, aws: Aws) -> SnowflakeConnection:
    return snowflake.connector.connect(**address_of(way, aws))


def address_of(way: FaultyWay, aws: Aws) -> dict[str, Any]:
    secret = client(aws.url, "secretsmanager").get_secret_value(
        SecretId=way.environment["HIGHWATER_SNOWFLAKE_SECRET"]
    )
    return {
        "host": "127.0.0.1",
        "port": json.loads(secret["SecretString"])["port"],
        "protocol": "http",
        "account": "local",
        "user": "test",
        "password": "any",
        "database": "HIGHWATER",
        "schema": "RAW",
        "login_timeout": 10,
        "network_timeout": 20,
    }
