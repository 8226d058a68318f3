"""python -m warehouse, with the local Snowflake in place of the configured one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
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


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP])
def test_a_rebuild_that_is_stopped_from_outside_ends_as_by_hand(
    sent: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main, "connect", lambda *_, **__: nullcontext())
    monkeypatch.setattr(main, "rebuild", lambda *_: os.kill(os.getpid(), sent))
    before = signal.signal(sent, signal.SIG_DFL)
    try:
        with pytest.raises(KeyboardInterrupt):
            main.main(["rebuild"])
        assert signal.getsignal(sent) is signal.SIG_DFL
        signal.signal(sent, signal.SIG_IGN)  # nohup
        assert main.main(["rebuild"]) == 0
    finally:
        signal.signal(sent, before)


def test_a_second_hangup_does_not_disturb_the_end_and_a_running_statement_is_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The connector has a handler of Ctrl-C while a statement runs."""
    done: list[str] = []

    def cancel(*_: object) -> None:
        done.append("cancelled")
        raise KeyboardInterrupt

    def rebuild(*_: object) -> None:
        by_hand = signal.signal(signal.SIGINT, cancel)
        try:
            os.kill(os.getpid(), signal.SIGHUP)
        except KeyboardInterrupt:
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("recorded")
            raise
        finally:
            signal.signal(signal.SIGINT, by_hand)

    monkeypatch.setattr(main, "connect", lambda *_, **__: nullcontext())
    monkeypatch.setattr(main, "rebuild", rebuild)
    before = {each: signal.signal(each, signal.SIG_DFL) for each in (signal.SIGTERM, signal.SIGHUP)}
    try:
        with pytest.raises(KeyboardInterrupt):
            main.main(["rebuild"])
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    assert done == ["cancelled", "recorded"]


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


def connections(migrated: Warehouse, folder: Path) -> dict[str, str]:
    """The environment of a process of its own: the connector looks for connections.toml when it is imported."""
    connection = f"""[mine]
account = "local"
user = "asha"
password = "any"
host = "127.0.0.1"
port = {migrated.administrator.port}
protocol = "http"
"""
    (folder / "connections.toml").write_text(connection)
    (folder / "connections.toml").chmod(0o600)
    return {"SNOWFLAKE_HOME": str(folder)}


@pytest.mark.e2e
def test_an_administrator_logs_in_by_a_connection_of_their_own(
    migrated: Warehouse, tmp_path: Path, outputs: str
) -> None:
    home = connections(migrated, tmp_path)
    (tmp_path / "key.pub").write_text(PEM)

    def migrate(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "warehouse", "migrate", "--account", "highwater_dev"]
        command += ["--outputs", outputs, "--migrate-from", "198.51.100.0/24", *options]
        return subprocess.run(command, env=os.environ | home, capture_output=True, text=True, check=False)

    keys = ("--worker-key", str(tmp_path / "key.pub"), "--deploy-key", str(tmp_path / "key.pub"))
    done = migrate("--connection", "mine", *keys)
    assert done.returncode == 0, done.stderr
    assert "HIGHWATER_DEV is as warehouse/account says" in done.stdout
    assert "SnowflakeUserArn=arn:aws:iam::" in done.stdout
    assert ("HIGHWATER_DEV_WORKER",) in [row[:1] for row in migrated.rows("SHOW USERS")]

    unknown = migrate("--connection", "yours")
    assert unknown.returncode == 1
    assert (
        "by the connection yours as ACCOUNTADMIN in Snowflake: Invalid connection_name 'yours'"
        in unknown.stderr
    )
    assert "Traceback" not in unknown.stderr


AS_FLOWS = """
from tasks.services.snowflake_people import as_pipeline
with as_pipeline("mine", "rebuild", 60) as connection, connection.cursor() as cursor:
    asked = "SELECT CURRENT_USER(), CURRENT_ROLE(), CURRENT_WAREHOUSE(), CURRENT_DATABASE()"
    print(cursor.execute(asked).fetchone())
    for statement in ("INSERT INTO MONITORING.LOADS SELECT * FROM MONITORING.LOADS", "DROP TABLE MONITORING.LOADS"):
        try:
            print(cursor.execute(statement).fetchone())
        except Exception as error:
            print(str(error).splitlines()[-1])
"""


@pytest.mark.e2e
def test_a_person_who_rebuilds_acts_as_the_flows_role_and_may_no_more_than_that(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    home = connections(warehouse, tmp_path)

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *command], env=os.environ | home, capture_output=True, text=True, check=False
        )

    who, inserted, dropped = run("-c", AS_FLOWS).stdout.splitlines()
    assert who == "('ASHA', 'HIGHWATER_TRANSFORMER', 'HIGHWATER_TRANSFORM_WH', 'HIGHWATER')"
    assert inserted.startswith("(")
    assert "Insufficient privileges" in dropped
    World([Sold(0, units=7)]).measured(warehouse)
    warehouse.rows("UPDATE DW.FACT_SALES SET quantity = 8")
    done = run("-m", "warehouse", "rebuild-marts", "--connection", "mine")
    assert (done.returncode, done.stderr) == (0, "")
    assert warehouse.one("SELECT SUM(units) FROM MARTS.SALES_PERFORMANCE_MART") == 8


def test_a_day_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main.main(["rebuild", "--accept-drop", "yesterday"])
    assert "argument --accept-drop: invalid" in capsys.readouterr().err
