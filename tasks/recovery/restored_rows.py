"""Rows of a DynamoDB table that was restored to an earlier moment, copied back into the table that is in use.

A row that is there stays: whatever wrote it did so after the moment of the restoration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tasks.errors import aws_failures
from tasks.services import aws


@dataclass(frozen=True)
class Copied:
    added: int
    kept: int


def copy_back(restored: str, to: str) -> Copied:
    """Add the rows that the table lacks, by their id. Harmless to repeat, and beside runs that are under way."""
    added = kept = 0
    with aws_failures(f"copying the rows of table {restored} to {to}"):
        pages = aws.dynamodb().get_paginator("scan").paginate(TableName=restored, ConsistentRead=True)
        for item in (item for page in pages for item in page["Items"]):
            if _add(to, item):
                added += 1
            else:
                kept += 1
    return Copied(added, kept)


def _add(table: str, item: Any) -> bool:
    dynamodb = aws.dynamodb()
    try:
        dynamodb.put_item(TableName=table, Item=item, ConditionExpression="attribute_not_exists(id)")
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True
