"""Conditional writes to DynamoDB: of those who write at once and expect the same row, one is first."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local.aws.server import REGION, LocalAws

TABLE, WRITERS, ROUNDS = "ledger", 4, 40


@pytest.fixture
def dynamodb(aws: LocalAws) -> Iterator[Any]:
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": REGION}
    client = boto3.client("dynamodb", endpoint_url=aws.url, **keys)
    client.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # the server's threads are in this process: let them meet
    yield client
    sys.setswitchinterval(before)
    client.delete_table(TableName=TABLE)


def test_of_writers_that_expect_the_same_row_one_is_first(dynamodb: Any) -> None:
    ready = threading.Barrier(WRITERS)

    def write(writer: int, token: int) -> str:
        ready.wait()
        try:
            dynamodb.put_item(
                TableName=TABLE,
                Item={"id": {"S": "turn"}, "token": {"N": str(token + 1)}, "owner": {"S": f"run-{writer}"}},
                ConditionExpression="attribute_not_exists(id) OR #token = :seen",
                ExpressionAttributeNames={"#token": "token"},
                ExpressionAttributeValues={":seen": {"N": str(token)}},
            )
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "written"

    with ThreadPoolExecutor(WRITERS) as writers:
        answers = [Counter(writers.map(write, range(WRITERS), [token] * WRITERS)) for token in range(ROUNDS)]
    assert answers == [{"written": 1, "ConditionalCheckFailedException": WRITERS - 1}] * ROUNDS
