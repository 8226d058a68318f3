"""Which works a flow run has asked for: one row a run, read by its id.

The run that ends must stop all of its jobs and put their ids on record, whoever notices its end. An index of jobs by owner
would be late by a moment, just for the latest job; and CloudFormation adds no second index to a table in one update. A row
that is read consistently is neither. A work is listed before its row is claimed, so a list may name more than was claimed.
"""

from __future__ import annotations

from tasks.errors import aws_failures
from tasks.leases import rows
from tasks.services import aws
from tasks.settings import settings

_PREFIX = "jobs/"


def add(owner: str, work: str) -> None:
    """A month from its latest work the list is forgotten, as the rows of those works are."""
    with aws_failures(f"listing work {work} of flow run {owner} in {settings().ledger_table}"):
        aws.dynamodb().update_item(
            TableName=settings().ledger_table,
            Key={"id": {"S": f"{_PREFIX}{owner}"}},
            UpdateExpression="ADD works :works SET expires_at = :expires_at",
            ExpressionAttributeValues={":works": {"SS": [work]}, ":expires_at": {"N": str(rows.forget_at())}},
        )


def works_of(owner: str) -> list[str]:
    with aws_failures(f"reading the works of flow run {owner} in {settings().ledger_table}"):
        answer = aws.dynamodb().get_item(
            TableName=settings().ledger_table, Key={"id": {"S": f"{_PREFIX}{owner}"}}, ConsistentRead=True
        )
    return sorted(answer.get("Item", {}).get("works", {}).get("SS", []))
