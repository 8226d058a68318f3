"""python -m warehouse, with the local Snowflake in place of the configured one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from snowflake.connector import SnowflakeConnection

from tests.warehouse.account.test_given import OUTPUTS, PEM
from tests.warehouse.facts import Sold, World
from tests.warehouse.retail.inbox import Inbox
from tests.warehouse.retail.test_retail_marts import load, sale
from tests.warehouse.standin import Warehouse
from warehouse import __main__ as main


@pytest.mark.e2e
def test_rebuild_marts_does_not_ask_what_was_recorded(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def connect(*_: Any, **__: Any) -> Iterator[SnowflakeConnection]:
        yield warehouse.connection

    monkeypatch.setattr(main, "connect", connect)
    World([Sold(0, units=7)]).measured(warehouse)
    warehouse.rows("UPDATE DW.FACT_SALES SET quantity = 8")
    inbox = Inbox(warehouse)
    inbox.clear()
    load(inbox, 0, sale("A", "1", "10.00"), sale("B", "1", "4.00"))
    inbox.refresh()
    warehouse.rows("UPDATE STAGE.SALES SET amount = 2 WHERE store_token = 'A'")
    assert main.main(["rebuild-marts"]) == 0
    assert warehouse.one("SELECT SUM(units) FROM MARTS.SALES_PERFORMANCE_MART") == 8
    marts = inbox.marts()
    assert {token: row[4] for (_, token), row in marts["daily_sales"].items()} == {"A": 2, "B": 4}
    assert {token: row[5] for token, row in marts["store_performance"].items()} == {"A": 2, "B": 4}
    assert {rank: row for (_, rank), row in marts["top_stores"].items()} == {1: ("B", 4), 2: ("A", 2)}


@pytest.fixture
def outputs(tmp_path: Path) -> str:
    path = tmp_path / "outputs.json"
    path.write_text(json.dumps(OUTPUTS))
    return str(path)


def test_what_the_accounts_migration_lacks_is_said(outputs: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A variable of the shell that is not set is an empty name, not the default's."""
    assert main.main(["migrate", "--account", ""]) == 1
    assert "--account needs --connection, --outputs, --migrate-from too" in capsys.readouterr().err
    given = ["--connection", "mine", "--migrate-from", "192.0.2.0/24", "--outputs"]
    assert main.main(["migrate", "--account", "", *given, outputs]) == 1
    assert "'' is not a plain Snowflake identifier" in capsys.readouterr().err
    assert main.main(["migrate", "--account", "HIGHWATER", *given, "nothing.json"]) == 1
    assert "No such file or directory: 'nothing.json'" in capsys.readouterr().err


@pytest.mark.e2e
def test_an_administrator_logs_in_by_a_connection_of_their_own(
    migrated: Warehouse, tmp_path: Path, outputs: str
) -> None:
    """In a process of its own: the connector looks for connections.toml when it is imported."""
    connection = f"""[mine]
account = "local"
user = "asha"
password = "any"
host = "127.0.0.1"
port = {migrated.administrator.port}
protocol = "http"
"""
    (tmp_path / "connections.toml").write_text(connection)
    (tmp_path / "connections.toml").chmod(0o600)
    (tmp_path / "key.pub").write_text(PEM)

    def migrate(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "warehouse", "migrate", "--account", "highwater_dev"]
        command += ["--outputs", outputs, "--migrate-from", "198.51.100.0/24", *options]
        home = {"SNOWFLAKE_HOME": str(tmp_path)}
        return subprocess.run(command, env=os.environ | home, capture_output=True, text=True, check=False)

    keys = ("--worker-key", str(tmp_path / "key.pub"), "--deploy-key", str(tmp_path / "key.pub"))
    done = migrate("--connection", "mine", *keys)
    assert done.returncode == 0, done.stderr
    assert "HIGHWATER_DEV is as warehouse/account says" in done.stdout
    assert "SnowflakeUserArn=arn:aws:iam::" in done.stdout
    assert ("HIGHWATER_DEV_WORKER",) in [row[:1] for row in migrated.rows("SHOW USERS")]

    unknown = migrate("--connection", "yours")
    assert unknown.returncode == 1
    assert "by the connection yours: Invalid connection_name 'yours'" in unknown.stderr
    assert "Traceback" not in unknown.stderr
