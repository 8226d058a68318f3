"""Two runs that load at once, held between two statements, cut off, killed: the DW ends as after one run at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import fakesnow.server
import pytest
from snowflake.connector import SnowflakeConnection

from local.snowflake.session import Session
from tasks.errors import SystemFault, TransientError
from tasks.lake.lake_log import Published
from tasks.warehouse import warehouse_load
from tasks.warehouse.warehouse_load import LoadedSnapshot, catch_up, last_loaded
from tasks.warehouse.warehouse_marts import refresh_marts
from tests.warehouse.curated import hashed, sale, sku, stock
from tests.warehouse.interleaved import (
    Held,
    Killed,
    in_background,
    is_waiting,
    kill_after,
    lose_the_answer,
    send_twice,
)
from tests.warehouse.standin import Snapshot, Warehouse

pytestmark = pytest.mark.e2e  # a second or two a load on the stand-in

LEFT = (
    "SELECT table_schema, table_name FROM INFORMATION_SCHEMA.TABLES"
    " WHERE table_name LIKE '%STAGE%' ORDER BY 1, 2"
)
Log = Callable[..., None]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    """The lake's log, as a run finds it that opens the table now."""
    snapshots: list[Published] = []

    def after(table: list[Published], loaded: int | None) -> Iterator[Published]:
        ids = [entry.snapshot_id for entry in table]
        yield from table[ids.index(loaded) + 1 :] if loaded in ids else table

    monkeypatch.setattr(warehouse_load.lake_tables, "load", lambda *_: list(snapshots) or None)
    monkeypatch.setattr(warehouse_load.lake_log, "log_after", after)

    def publish(*published: Snapshot) -> None:
        snapshots.extend(snapshot.published for snapshot in published)

    return publish


@pytest.fixture
def sessions(warehouse: Warehouse) -> Iterator[Callable[[], SnowflakeConnection]]:
    opened = []

    def open_one() -> SnowflakeConnection:
        opened.append(warehouse.connect())
        return opened[-1]

    yield open_one
    for session in opened:
        session.close()


Sessions = Callable[[], SnowflakeConnection]


def loads(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return warehouse.rows("SELECT snapshot_id, rows_staged FROM MONITORING.LOADS ORDER BY 1")


@pytest.mark.parametrize("before", ["COPY INTO", "BEGIN"])
def test_two_runs_that_replay_one_snapshot(
    warehouse: Warehouse, sessions: Sessions, log: Log, before: str
) -> None:
    snapshot = warehouse.snapshot("sku", [sku("S1", "2025-01-01"), sku("S2", "2025-01-01")])
    log(snapshot)
    first, second = sessions(), sessions()

    merging = Held(first, before, lambda: catch_up(first, "sku", "first"))
    copying = Held(second, "COPY INTO", lambda: catch_up(second, "sku", "second"))
    done = [merging.let_go(), copying.let_go()]

    assert sum(done) == 1
    assert catch_up(warehouse.connection, "sku", "later") == 0
    assert warehouse.rows("SELECT sku_code FROM DW.DIM_SKU ORDER BY 1") == [("S1",), ("S2",)]
    assert loads(warehouse) == [(snapshot.published.snapshot_id, 2)]


def test_a_paused_run_does_not_put_an_old_snapshot_over_a_newer_one(
    warehouse: Warehouse, sessions: Sessions, log: Log
) -> None:
    """A day was delivered again: at an equal date what is loaded last wins, and that must be what was published last."""
    old = warehouse.snapshot("inventory", [stock("2025-01-20", "2025-01-20", 40)])
    new = warehouse.snapshot("inventory", [stock("2025-01-20", "2025-01-20", 30)])
    log(old)
    paused, other = sessions(), sessions()

    held = Held(paused, "CREATE OR REPLACE", lambda: catch_up(paused, "inventory", "paused"))
    log(new)
    assert catch_up(other, "inventory", "other") == 2

    assert held.let_go() == 0
    assert warehouse.one("SELECT closing_stock FROM DW.FACT_INVENTORY") == 30
    assert last_loaded(warehouse.connection, "inventory") == LoadedSnapshot(new.number * 1000, new.number)
    assert len(loads(warehouse)) == 2


def test_a_load_waits_for_the_one_before_it(warehouse: Warehouse, sessions: Sessions, log: Log) -> None:
    log(warehouse.snapshot("sales", [sale("O1", "2025-01-05", "2025-01-05")]))
    first, second = sessions(), sessions()

    held = Held(first, "INSERT INTO MONITORING.LOADS", lambda: catch_up(first, "sales", "first"))
    behind = in_background(lambda: catch_up(second, "sales", "second"))
    assert is_waiting(behind)
    assert warehouse.one("SELECT COUNT(*) FROM DW.FACT_SALES") == 0  # nothing of it is seen before its end

    assert (held.let_go(), behind.result(60)) == (1, 0)
    assert warehouse.one("SELECT COUNT(*) FROM DW.FACT_SALES") == 1
    assert len(loads(warehouse)) == 1


def test_a_transaction_that_snowflake_ended_is_not_gone_on_with(
    warehouse: Warehouse, sessions: Sessions, log: Log
) -> None:
    """It rolls back what was idle for five minutes while another waited; what is sent later must not take effect alone."""
    old = warehouse.snapshot("inventory", [stock("2025-01-20", "2025-01-20", 40)])
    new = warehouse.snapshot("inventory", [stock("2025-01-20", "2025-01-20", 30)])
    log(old)
    paused, other = sessions(), sessions()

    held = Held(paused, "MERGE INTO DW.FACT_INVENTORY", lambda: catch_up(paused, "inventory", "paused"))
    end_transaction_of(paused)
    log(new)
    assert catch_up(other, "inventory", "other") == 2

    with pytest.raises(
        TransientError, match="was paused for so long that Snowflake rolled its transaction back"
    ):
        held.let_go()
    assert warehouse.one("SELECT closing_stock FROM DW.FACT_INVENTORY") == 30
    assert len(loads(warehouse)) == 2


def end_transaction_of(connection: SnowflakeConnection) -> None:
    session = fakesnow.server.sessions[connection.rest.token]  # type: ignore[union-attr]
    assert isinstance(session, Session)
    session._duck_conn.rollback()
    session.has_begun = session._in_transaction = False
    session.end_statement()


def test_a_load_killed_after_any_statement_leaves_nothing_half_done(warehouse: Warehouse, log: Log) -> None:
    snapshot = warehouse.snapshot(
        "sales", [sale("O1", "2025-01-05", "2025-01-05"), sale("O2", "2025-01-05", "2025-01-05")]
    )
    log(snapshot)
    tables = ("DW.FACT_SALES", "DW.DIM_SKU", "CURATED.SALES_TOUCHED", "MONITORING.LOADS")
    counts = "SELECT " + ", ".join(f"(SELECT COUNT(*) FROM {table})" for table in tables)
    seen = []
    for statements in range(0, 60, 3):
        with warehouse.connect() as session:
            kill_after(session, statements)
            try:
                catch_up(session, "sales", "killed")
            except Killed:
                seen.append(warehouse.one(counts))
                assert warehouse.rows(LEFT) == []
                continue
        break
    assert set(seen[:-1]) == {(0, 0, 0, 0)}
    assert warehouse.one(counts) == (2, 1, 0, 1)


@pytest.mark.parametrize(
    "beginning", ["COPY", "BEGIN", "UPDATE MONITORING.LOAD_HEADS", "INSERT INTO MONITORING.LOADS", "COMMIT"]
)
def test_a_statement_that_is_sent_twice_changes_nothing_twice(
    warehouse: Warehouse, sessions: Sessions, log: Log, beginning: str
) -> None:
    snapshot = warehouse.snapshot("sku", [sku("S1", "2025-01-01")])
    log(snapshot)
    doubled = sessions()
    send_twice(doubled, beginning)
    assert catch_up(doubled, "sku", "doubled") == 1
    assert warehouse.rows("SELECT sku_code FROM DW.DIM_SKU") == [("S1",)]
    assert loads(warehouse) == [(snapshot.published.snapshot_id, 1)]


@pytest.mark.parametrize(
    ("text", "landed"), [("COMMIT", True), ("MERGE INTO DW.DIM_SKU", False), ("UPDATE", False)]
)
def test_where_an_answer_is_lost_the_head_says_what_landed(
    warehouse: Warehouse, log: Log, text: str, landed: bool
) -> None:
    log(warehouse.snapshot("sku", [sku("S1", "2025-01-01")]))
    session = warehouse.connect()
    lose_the_answer(session, text)
    with pytest.raises(TransientError, match="the connection was reset"):
        catch_up(session, "sku", "lost")
    fakesnow.server.sessions.pop(session.rest.token).abandon()  # type: ignore[union-attr]

    assert catch_up(warehouse.connection, "sku", "again") == (0 if landed else 1)
    assert warehouse.rows("SELECT sku_code FROM DW.DIM_SKU") == [("S1",)]
    assert len(loads(warehouse)) == 1


def test_fewer_rows_than_the_snapshot_has_are_not_merged(warehouse: Warehouse, sessions: Sessions) -> None:
    snapshot = warehouse.snapshot("sku", [sku("S1", "2025-01-01")])
    short = Snapshot("sku", snapshot.files, 2, snapshot.number)
    with pytest.raises(SystemFault, match="has 2 rows by its manifests, and 1 arrived in the warehouse"):
        warehouse.replay(short)
    assert warehouse.one("SELECT COUNT(*) FROM DW.DIM_SKU") == 0
    assert last_loaded(warehouse.connection, "sku") is None


def test_a_member_that_is_there_twice_stops_the_load(warehouse: Warehouse) -> None:
    warehouse.load("sku", [sku("S1", "2025-01-01")])
    warehouse.rows("INSERT INTO DW.DIM_SKU SELECT * FROM DW.DIM_SKU")
    with pytest.raises(SystemFault, match=r"duplicate dimension members \(DW.DIM_SKU: 1 by sku_key\)"):
        warehouse.load("sales", [sale("O1", "2025-01-05", "2025-01-05")])
    assert warehouse.one("SELECT COUNT(*) FROM DW.FACT_SALES") == 0
    assert last_loaded(warehouse.connection, "sales") is None


def test_sales_and_stock_that_are_loaded_at_once_know_each_other(
    warehouse: Warehouse, sessions: Sessions, log: Log
) -> None:
    """Each recomputes the days of supply from what it sees of the other: neither may miss the other's rows."""
    sales = warehouse.snapshot("sales", [sale("O1", "2025-01-10", "2025-01-10", quantity=14)])
    stocks = warehouse.snapshot("inventory", [stock("2025-01-20", "2025-01-20", 40)])
    first, second = sessions(), sessions()

    held = Held(first, "INSERT INTO MONITORING.LOADS", lambda: warehouse.replay(sales, first))
    behind = in_background(lambda: warehouse.replay(stocks, second))
    assert is_waiting(behind)
    held.let_go()
    behind.result(60)

    assert warehouse.one("SELECT days_of_supply FROM DW.FACT_INVENTORY") == 80.0
    assert warehouse.rows("SELECT sku_key, is_inferred FROM DW.DIM_SKU") == [(hashed("S1"), True)]


def test_marts_are_rebuilt_from_what_the_load_before_them_wrote(
    warehouse: Warehouse, sessions: Sessions
) -> None:
    snapshot = warehouse.snapshot("sales", [sale("O1", "2025-01-05", "2025-01-05", quantity=7)])
    loader, other = sessions(), sessions()
    held = Held(loader, "INSERT INTO MONITORING.LOADS", lambda: warehouse.replay(snapshot, loader))
    marts = in_background(lambda: refresh_marts(other))
    assert is_waiting(marts)
    held.let_go()
    marts.result(60)
    assert warehouse.one("SELECT SUM(units) FROM MARTS.SALES_PERFORMANCE_MART") == 7


def test_a_head_that_a_person_deleted_is_made_again(warehouse: Warehouse, log: Log) -> None:
    snapshot = warehouse.snapshot("sku", [sku("S1", "2025-01-01")])
    log(snapshot)
    assert catch_up(warehouse.connection, "sku", "r") == 1
    warehouse.rows("DELETE FROM MONITORING.LOAD_HEADS")
    assert catch_up(warehouse.connection, "sku", "r") == 1
    assert warehouse.rows("SELECT dataset, snapshot_id, run_id FROM MONITORING.LOAD_HEADS") == [
        ("sku", snapshot.number * 1000, "r")
    ]
    assert len(loads(warehouse)) == 1


def test_without_its_row_the_write_lock_says_so(warehouse: Warehouse) -> None:
    kept = warehouse.rows("SELECT held_by, held_since::VARCHAR FROM MONITORING.WRITE_LOCK")
    assert len(kept) == 1
    warehouse.rows("INSERT INTO MONITORING.WRITE_LOCK SELECT * FROM MONITORING.WRITE_LOCK")
    try:
        with pytest.raises(SystemFault, match=r"MONITORING.WRITE_LOCK, has 2 rows"):
            warehouse.load("sku", [sku("S1", "2025-01-01")])
    finally:
        warehouse.rows("DELETE FROM MONITORING.WRITE_LOCK")
        warehouse.rows("INSERT INTO MONITORING.WRITE_LOCK VALUES ('nobody', CURRENT_TIMESTAMP())")
    assert warehouse.one("SELECT COUNT(*) FROM DW.DIM_SKU") == 0
