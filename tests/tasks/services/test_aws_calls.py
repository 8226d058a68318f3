"""The table of AWS calls is checked while all other tests of tasks and flows run; here, that it would notice."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tasks.leases import job_entry, rows
from tasks.services import aws
from tests.tasks.aws_calls import UndocumentedCall, documented


def test_a_call_that_the_table_does_not_have_fails_where_it_is_made(
    account: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    dynamodb = aws.dynamodb()
    monkeypatch.setattr(rows.aws, "dynamodb", lambda: SimpleNamespace(get_item=dynamodb.delete_item))
    with pytest.raises(UndocumentedCall, match=r"dynamodb:DeleteItem is not in docs/aws-calls\.md"):
        job_entry.get("a")


def test_a_call_of_a_test_is_its_own_business(account: None) -> None:
    assert "s3:ListBuckets" not in documented()
    assert [bucket["Name"] for bucket in aws.s3().list_buckets()["Buckets"]] == ["highwater-lake"]


def test_the_table_is_read() -> None:
    assert {"glue:StartJobRun", "s3:PutObject", "dynamodb:Query"} <= documented()
    assert not {"dynamodb:DeleteItem", "dynamodb:BatchWriteItem"} & documented()
