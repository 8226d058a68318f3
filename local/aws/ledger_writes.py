"""Writes to DynamoDB, one at a time. moto checks a condition and then writes, and lets others in between."""

from __future__ import annotations

from moto.dynamodb.responses import DynamoHandler

from local.aws.actions import Overrides, one_at_a_time

_WRITES = ("put_item", "update_item", "delete_item", "batch_write_item", "transact_write_items")


def install(overrides: Overrides) -> None:
    guarded = one_at_a_time()
    for action in _WRITES:
        overrides.wrap(DynamoHandler, action, guarded)
