"""Rows of a restored table go back where they are missing, all of them, and never over a newer one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from local import resources
from local.aws_resources import create_table
from tasks.errors import SystemFault
from tasks.recovery import __main__ as recovery
from tasks.recovery.restored_rows import Copied, copy_back
from tasks.services import aws

LEDGER = resources.LEDGER.name
RESTORED = f"{LEDGER}-restored"


@pytest.fixture
def restored(account: None) -> str:
    create_table(aws.dynamodb(), replace(resources.LEDGER, name=RESTORED))
    return RESTORED


def put(table: str, id_: str, token: int, filler: int = 0) -> None:
    item: Any = {"id": {"S": id_}, "token": {"N": str(token)}, "filler": {"S": "x" * filler}}
    aws.dynamodb().put_item(TableName=table, Item=item)


def tokens(table: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for page in aws.dynamodb().get_paginator("scan").paginate(TableName=table):
        found |= {item["id"]["S"]: int(item["token"]["N"]) for item in page["Items"]}
    return found


def test_a_row_that_is_there_stays_and_one_that_is_missing_comes_back(restored: str) -> None:
    put(restored, "run/a", 1)
    put(restored, "run/b", 1)
    put(LEDGER, "run/b", 7)
    put(LEDGER, "run/c", 2)
    assert copy_back(restored, LEDGER) == Copied(added=1, kept=1)
    assert tokens(LEDGER) == {"run/a": 1, "run/b": 7, "run/c": 2}
    assert copy_back(restored, LEDGER) == Copied(added=0, kept=2)


def test_every_page_is_copied(restored: str, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(12):
        put(restored, f"job/{number}", number, filler=300_000)  # a page has a megabyte
    first = aws.dynamodb().scan(TableName=restored)
    assert len(first["Items"]) < 12
    assert recovery.main(["copy-rows", restored, LEDGER]) == 0
    assert tokens(LEDGER) == {f"job/{number}": number for number in range(12)}
    assert capsys.readouterr().out == f"12 rows added to {LEDGER}, 0 were there and stay as they are\n"


def test_a_table_that_is_not_there_is_named(account: None) -> None:
    with pytest.raises(SystemFault, match="copying the rows of table nowhere to highwater-ledger"):
        copy_back("nowhere", LEDGER)
