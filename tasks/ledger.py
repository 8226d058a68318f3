"""The ledger of external jobs: a row is written before a job is started, so that no job can be lost.

A row's id is derived from the work (its inputs and the snapshot that it builds on), not from the flow run. A run that was
killed and a run that repeats it therefore meet at the same row, and the second takes up what the first had started.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from tasks import aws
from tasks.errors import from_aws

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

Status = Literal["STARTING", "RUNNING", "SUCCEEDED", "FAILED", "STOPPED"]
OPEN: tuple[Status, ...] = ("STARTING", "RUNNING")
_KEPT_FOR_SECONDS = 30 * 24 * 3600


@dataclass(frozen=True)
class Entry:
    id: str
    owner: str
    job_name: str
    attempt: int
    status: Status
    job_run_id: str | None

    @property
    def is_open(self) -> bool:
        return self.status in OPEN


def _entry(item: dict[str, AttributeValueTypeDef]) -> Entry:
    status: Any = item["status"]["S"]
    return Entry(
        id=item["id"]["S"],
        owner=item["owner"]["S"],
        job_name=item["job_name"]["S"],
        attempt=int(item["attempt"]["N"]),
        status=status,
        job_run_id=item.get("job_run_id", {}).get("S"),
    )


def get(table: str, work: str) -> Entry | None:
    item = aws.dynamodb().get_item(TableName=table, Key={"id": {"S": work}}, ConsistentRead=True).get("Item")
    return _entry(item) if item else None


def open_attempt(table: str, work: str, owner: str, job_name: str, after: Entry | None) -> Entry | None:
    """A new attempt at the work, unless another run got there first: then None, and the caller looks again."""
    entry = Entry(work, owner, job_name, after.attempt + 1 if after else 1, "STARTING", None)
    item: dict[str, Any] = {
        "id": {"S": entry.id},
        "owner": {"S": owner},
        "job_name": {"S": job_name},
        "attempt": {"N": str(entry.attempt)},
        "status": {"S": entry.status},
        "opened_at": {"S": datetime.now(UTC).isoformat()},
        "expires_at": {"N": str(int(time.time()) + _KEPT_FOR_SECONDS)},
    }
    condition = (
        {"ConditionExpression": "attribute_not_exists(id)"}
        if after is None
        else {
            "ConditionExpression": "attempt = :seen AND NOT #s IN (:starting, :running)",
            "ExpressionAttributeNames": {"#s": "status"},
            "ExpressionAttributeValues": {
                ":seen": {"N": str(after.attempt)},
                ":starting": {"S": "STARTING"},
                ":running": {"S": "RUNNING"},
            },
        }
    )
    try:
        aws.dynamodb().put_item(TableName=table, Item=item, **condition)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return None
        raise from_aws(error, f"opening ledger row {work} in {table}") from error
    return entry


def update(
    table: str, entry: Entry, status: Status, job_run_id: str | None, owner: str | None = None
) -> Entry:
    """Record how far this attempt is; a later attempt's row is left alone."""
    values: dict[str, Any] = {
        ":status": {"S": status},
        ":owner": {"S": owner or entry.owner},
        ":attempt": {"N": str(entry.attempt)},
    }
    assign = "SET #s = :status, #o = :owner"
    if job_run_id:
        assign += ", job_run_id = :run"
        values[":run"] = {"S": job_run_id}
    try:
        aws.dynamodb().update_item(
            TableName=table,
            Key={"id": {"S": entry.id}},
            UpdateExpression=assign,
            ConditionExpression="attempt = :attempt",
            ExpressionAttributeNames={"#s": "status", "#o": "owner"},
            ExpressionAttributeValues=values,
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise from_aws(error, f"updating ledger row {entry.id} in {table}") from error
    return Entry(entry.id, owner or entry.owner, entry.job_name, entry.attempt, status, job_run_id)


def open_entries(table: str) -> Iterator[Entry]:
    """Every row whose job may be running. The table holds a month of jobs at most (TTL), so a scan is cheap."""
    pages = (
        aws.dynamodb()
        .get_paginator("scan")
        .paginate(
            TableName=table,
            ConsistentRead=True,
            FilterExpression="#s IN (:starting, :running)",
            ExpressionAttributeNames={"#s": "status"},
            ExpressionAttributeValues={":starting": {"S": "STARTING"}, ":running": {"S": "RUNNING"}},
        )
    )
    for page in pages:
        for item in page["Items"]:
            yield _entry(item)
