"""A run logs in once; what a step leaves behind never reaches the next one."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import fakesnow.server
import pytest

from tasks.errors import SystemFault
from tasks.services import snowflake
from tasks.services.snowflake import execute
from tasks.services.snowflake_sessions import Sessions
from tests.snowflake_server import snowflake_server
from tests.tasks.services.test_snowflake import local_secret
from warehouse.statement import Statement

COUNT = Statement("counting", "SELECT COUNT(*) FROM HIGHWATER.DW.THINGS")


@pytest.fixture
def sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sessions]:
    with snowflake_server(tmp_path, "http://127.0.0.1:9") as port:
        local_secret(monkeypatch, port)
        with snowflake.connect("setup", "r", "s") as connection:
            for sql in (
                "CREATE DATABASE IF NOT EXISTS HIGHWATER",
                "CREATE SCHEMA IF NOT EXISTS HIGHWATER.DW",
            ):
                execute(connection, Statement("set up", sql))
            execute(connection, Statement("set up", "CREATE OR REPLACE TABLE HIGHWATER.DW.THINGS (n INT)"))
        made = Sessions("cpg-daily", "run-1")
        yield made
        made.close()


def logged_in() -> int:
    return len(fakesnow.server.sessions)


def test_steps_share_one_login_and_each_says_what_it_is(
    sessions: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    before = logged_in()
    with caplog.at_level(logging.INFO):
        for step in ("audit", "load sales", "marts"):
            with sessions.lend(step) as connection:
                execute(connection, Statement("asking", f"SELECT '{step}'"))
                assert logged_in() == before + 1
    said = [record.getMessage() for record in caplog.records if "event=statement" in record.getMessage()]
    for step in ("audit", "load sales", "marts"):
        tag = json.dumps({"flow": "cpg-daily", "run_id": "run-1", "step": step}, separators=(",", ":"))
        assert [line for line in said if f"tag={tag!r}" in line and f"SELECT '{step}'" in line], said
    sessions.close()
    assert logged_in() == before


def test_steps_side_by_side_have_a_session_each(sessions: Sessions) -> None:
    with sessions.lend("one") as one, sessions.lend("other") as other:
        assert one is not other
    with sessions.lend("third") as third:
        assert third in (one, other)


def half_a_load(sessions: Sessions) -> None:
    with sessions.lend("load") as connection:
        connection.autocommit(False)
        execute(connection, Statement("adding", "INSERT INTO HIGHWATER.DW.THINGS VALUES (1)"))
        execute(connection, Statement("failing", "SELECT * FROM HIGHWATER.DW.NOTHING"))


def test_after_a_failure_nobody_gets_the_session_and_nothing_of_it_stays(sessions: Sessions) -> None:
    before = logged_in()
    with pytest.raises(SystemFault):
        half_a_load(sessions)
    assert logged_in() == before
    with sessions.lend("load") as again:
        assert execute(again, COUNT) == (0,)
        execute(again, Statement("adding", "INSERT INTO HIGHWATER.DW.THINGS VALUES (2)"))
        assert execute(again, COUNT) == (1,)


def test_a_step_that_outlives_the_run_closes_its_own_session(sessions: Sessions) -> None:
    before = logged_in()
    with sessions.lend("late"):
        sessions.close()
        assert logged_in() == before + 1
    assert logged_in() == before
