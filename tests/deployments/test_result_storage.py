"""The block that the flow runs' task definition names is there before the first of them, and holds no credentials."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from deployments import __main__ as command
from deployments import names, result_storage
from deployments.result_storage import Results
from tests.deployments.conftest import server

BUCKET = "highwater-artifacts-123456789012-ap-south-1"


async def _registered_twice(home: Path) -> dict[str, Any]:
    async with server(home) as client:
        for bucket in ("an-older-one", BUCKET):
            await result_storage.register(client, Results(artifacts_bucket=bucket))
        kind, name = names.RESULTS_BLOCK.split("/")
        return (await client.read_block_document_by_name(name, kind)).data


@pytest.mark.e2e
def test_results_go_to_the_accounts_bucket_by_the_tasks_own_role(home: Path) -> None:
    known = asyncio.run(_registered_twice(home))
    assert (known["bucket_name"], known["bucket_folder"]) == (BUCKET, "results")
    assert known["credentials"]["aws_access_key_id"] is None
    assert known["credentials"]["aws_secret_access_key"] is None


@pytest.mark.parametrize("missing", ["HIGHWATER_ARTIFACTS_BUCKET", "HIGHWATER_SUBNETS"])
def test_a_worker_that_is_not_told_its_place_says_which_setting_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], missing: str
) -> None:
    for name in ("HIGHWATER_ARTIFACTS_BUCKET", "HIGHWATER_SUBNETS", "HIGHWATER_SECURITY_GROUPS"):
        monkeypatch.setenv(name, "there")
    monkeypatch.delenv(missing)
    monkeypatch.setattr("sys.argv", ["deployments", "worker"])
    assert command.main() == 2
    assert missing.removeprefix("HIGHWATER_").lower() in capsys.readouterr().err
