"""The works that a flow run has requested: one row per run, read by its id.

Whoever notices that a run has ended must stop all of its jobs and record their ids. An index of jobs by owner would be
eventually consistent and could miss the latest job, and CloudFormation cannot add a second index in the same update.
One row read consistently has neither problem. A work is listed before its row is claimed, so a list may contain works
that were never claimed.
"""

from __future__ import annotations

from tasks.errors import aws_failures
from tasks.leases import rows
from tasks.services import aws
from tasks.settings import settings

_PREFIX = "jobs/"


def add(owner: str, work: str) -> None:
    """Add a work to the run's list. A list expires a month after its latest work, as the rows of those works do."""
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
