"""One run at a time has the turn: the others wait for it, and who has lost it learns so before it changes anything."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from tasks.errors import BusinessError
from tasks.leases import lease, rows, turn
from tasks.leases.lease import LeaseLost
from tasks.leases.turn import TurnRow
from tasks.services import aws
from tasks.settings import settings

THING = "endpoint e1"


def row() -> TurnRow:
    found = rows.get(TurnRow, f"turn/{THING}")
    assert found
    return found


def test_the_second_waits_until_the_first_is_done(account: None) -> None:
    seen: list[str] = []

    def second() -> None:
        with turn.held(THING, "run-2", patience=30):
            seen.append("second begins")

    thread = threading.Thread(target=second)
    with turn.held(THING, "run-1", patience=0):
        assert (row().owner, row().status) == ("run-1", "RUNNING")
        thread.start()
        time.sleep(1)
        seen.append("first ends")
    thread.join(timeout=10)
    assert seen == ["first ends", "second begins"]
    assert (row().owner, row().status, row().attempt) == ("run-2", "ENDED", 2)
    stored = aws.dynamodb().get_item(TableName=settings().ledger_table, Key={"id": {"S": f"turn/{THING}"}})
    assert "expires_at" in stored["Item"]  # it is forgotten some day


def test_who_waited_long_enough_is_refused_and_told_who_has_the_turn(account: None) -> None:
    told = r"endpoint e1 is being changed by run run-1, and was still after 0\.01 minutes\. Nothing was changed: let"
    with (
        turn.held(THING, "run-1", patience=0),
        pytest.raises(BusinessError, match=told),
        turn.held(THING, "run-2", patience=0.6),
    ):
        pass
    with turn.held("endpoint e2", "run-2", patience=0), turn.held(THING, "run-2", patience=0):
        pass  # of another thing, and after the first is done


def test_the_turn_of_a_run_that_is_gone_is_taken_and_it_may_change_nothing(account: None) -> None:
    with turn.held(THING, "run-1", patience=0) as first:
        first.require()
        gone = row()
        assert rows.swap(
            gone, replace(gone, lease_expires_at=rows.now() - 1)
        )  # it did not renew for a minute
        with turn.held(THING, "run-2", patience=0) as second:
            with pytest.raises(LeaseLost):
                first.require()
            second.require()
            assert row().owner == "run-2"
    assert row().status == "ENDED"


def test_a_turn_is_kept_while_it_lasts(account: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIGHWATER_LEASE_SECONDS", "1")
    settings.cache_clear()
    with turn.held(THING, "run-1", patience=0):
        time.sleep(2)
        assert row().seconds_left > 0
        assert lease.claim(row(), replace(row(), owner="run-2", process="run-2@p")) is None


def test_a_failure_ends_the_turn_too(account: None) -> None:
    with pytest.raises(ValueError, match="boom"), turn.held(THING, "run-1", patience=0):
        raise ValueError("boom")
    assert row().status == "ENDED"
