"""A warehouse that was lost, rebuilt from the lake below Prefect: every row as the loads, one by one, had left it.

The lost database stays, and an empty one beside it is rebuilt, so that the two can be compared row by row.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

import pytest
from snowflake.connector import SnowflakeConnection

from contracts.catalog import load_order
from tasks.errors import BusinessError
from tasks.recovery.rebuild import rebuild
from tasks.services import aws
from tests import snowflake_server
from tests.warehouse.before_loss import INBOX, analyse, forecast, lake, score, sell, take_in, visit
from tests.warehouse.interleaved import Killed, kill_after, kill_at
from tests.warehouse.marketing import TABLES as OF_MARKETING
from tests.warehouse.retail.inbox import TABLES as OF_THE_INBOX
from tests.warehouse.standin import LOADED_TABLES, Warehouse, set_up
from tests.warehouse.test_main import connections
from warehouse import write_lock
from warehouse.account.names import AccountNames
from warehouse.load.retail import files as inbox_files

__all__ = ["lake"]
pytestmark = pytest.mark.e2e

COMPARED = sorted(
    {*LOADED_TABLES, *OF_THE_INBOX, *OF_MARKETING}
    - {name for name in LOADED_TABLES if name.startswith("MONITORING.")}
)
NEWER = {"RUN_ID", "CREATED_AT", "UPDATED_AT", "LOADED_AT", "FINISHED_AT"}


@pytest.fixture
def lost(lake: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    assert set(load_order()) >= {"sku", "sales", "promotions"}
    sell(lake)
    take_in(lake, monkeypatch)
    visit(lake)
    forecast(lake)
    score(lake)
    analyse(lake)
    return lake


REBUILT = "HIGHWATER_REBUILT"
_first_empty: dict[int, list[str]] = {}
"""By the server's port: its tables without rows after the migrations, which take most of a test's time."""


@pytest.fixture
def empty(lost: Warehouse) -> str:
    return made(lost)


def made(warehouse: Warehouse) -> str:
    """The name of an empty, migrated database beside the lost one."""
    port = warehouse.administrator.port
    if port not in _first_empty:
        set_up(port, warehouse.administrator, AccountNames(REBUILT))
        warehouse.rows("USE DATABASE HIGHWATER")  # whoever makes a database is in it
        asked = f"SELECT table_schema, table_name FROM {REBUILT}.INFORMATION_SCHEMA.TABLES WHERE table_type = 'BASE TABLE'"
        tables = [f"{REBUILT}.{schema}.{name}" for schema, name in warehouse.rows(asked)]
        _first_empty[port] = [
            table for table in tables if warehouse.one(f"SELECT COUNT(*) FROM {table}") == 0
        ]
    for table in _first_empty[port]:
        warehouse.rows(f"DELETE FROM {table}")
    warehouse.rows(
        f"UPDATE {REBUILT}.MONITORING.LOAD_HEADS"
        " SET snapshot_id = NULL, sequence_number = NULL, run_id = NULL, moved_at = NULL"
    )
    return REBUILT


def connected(warehouse: Warehouse, database: str) -> SnowflakeConnection:
    names = AccountNames(database)
    return snowflake_server.connected(
        warehouse.administrator.port,
        user=names.worker,
        database=database,
        warehouse=names.transform_warehouse,
    )


def rebuilt(warehouse: Warehouse, database: str, *accepted: date) -> list[str]:
    told: list[str] = []
    with connected(warehouse, database) as connection:
        rebuild(connection, told.append, frozenset(accepted))
    return told


def commanded(
    warehouse: Warehouse, database: str, folder: Path, *options: str
) -> subprocess.CompletedProcess[str]:
    """As a person does it, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "warehouse", "rebuild", "--connection", "mine", *options],
        env=os.environ | connections(warehouse, folder) | {"HIGHWATER_DATABASE": database},
        capture_output=True,
        text=True,
        check=False,
    )


def on_record(warehouse: Warehouse, database: str) -> tuple[str, str | None]:
    """Status and message of the rebuild, which is one run however often it is started."""
    asked = f"SELECT status, message FROM {database}.MONITORING.PIPELINE_RUNS"
    ((status, message),) = warehouse.rows(asked)
    return status, message


def rows(warehouse: Warehouse, database: str, table: str) -> list[str]:
    """As the flows see them: whoever else reads them sees masks."""
    with connected(warehouse, database) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table}")
        names = [column.name for column in cursor.description]
        found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    kept = [row for row in found if table != "MONITORING.INBOX_FILES" or row["STATUS"] != "refused"]
    return sorted(str([(name, row[name]) for name in sorted(row) if name not in NEWER]) for row in kept)


def require_same(warehouse: Warehouse, database: str) -> None:
    for table in COMPARED:
        assert rows(warehouse, database, table) == rows(warehouse, "HIGHWATER", table), table


def kill(warehouse: Warehouse, database: str, arrange: Callable[[SnowflakeConnection], None]) -> None:
    with connected(warehouse, database) as connection:
        arrange(connection)
        with pytest.raises(Killed):
            rebuild(connection, lambda _: None)


def kill_in_each_part(warehouse: Warehouse, database: str) -> None:
    def at(text: str, occurrence: int = 1) -> None:
        kill(warehouse, database, lambda connection: kill_at(connection, text, occurrence))

    at("MERGE INTO DW.")
    at("MERGE INTO ML_OUTPUTS.")
    at(f"UPDATE {write_lock.SHOP}")
    at(f"UPDATE {write_lock.RETAIL}")
    at(f"MERGE INTO {inbox_files.TABLE}", 2)  # the first is of the load, the second says where the files lie
    unplaced = f"SELECT COUNT(*) FROM {database}.{inbox_files.TABLE} WHERE history_file IS NULL"
    assert warehouse.one(unplaced) == 6
    at(f"UPDATE {write_lock.MARKETING}", 2)  # the second day
    days = f"SELECT COUNT(DISTINCT run_date) FROM {database}.MONITORING.RUN_DATASETS WHERE flow = 'marketing-engagement'"
    assert warehouse.one(days) == 1


def test_every_row_is_rebuilt_also_by_a_rebuild_that_was_killed_again_and_again(
    lost: Warehouse, empty: str, tmp_path: Path
) -> None:
    nothing = {table for table in COMPARED if not rows(lost, "HIGHWATER", table)}
    assert nothing == {
        *("CURATED.MART_CHANGES", "CURATED.PROMOTIONS_TOUCHED", "CURATED.SALES_TOUCHED"),
        "STAGE.RETAIL_CHANGES",
    }, "all but the lists of what is left to compute, which loads and refreshes empty again"
    for statements in (3, 30):
        kill(lost, empty, partial(kill_after, statements=statements))
    kill_in_each_part(lost, empty)
    done = commanded(lost, empty, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    told = done.stdout.splitlines()
    require_same(lost, empty)
    assert [line for line in told if line.endswith("of 6 that history/ has by their arrivals")]
    assert not [line for line in told if "left out" in line]
    assert on_record(lost, empty) == ("COMPLETED", None)
    rebuilt(lost, empty)
    require_same(lost, empty)
    strange = commanded(lost, empty, tmp_path, "--accept-drop", "2031-01-01")
    assert strange.returncode == 1
    assert strange.stderr.startswith("rebuild: --accept-drop 2031-01-01: nothing of marketing was delivered")


def test_what_cannot_be_loaded_is_said(lost: Warehouse, empty: str) -> None:
    gone = "history/sales/year=2025/month=01/day=12/sales_20250112_copy.csv"
    aws.s3().delete_object(Bucket=INBOX, Key=gone)
    strange = "history/sales/year=2024/month=01/day=01/sales_20240101.csv"
    aws.s3().put_object(Bucket=INBOX, Key=strange, Body=b"x")
    with pytest.raises(BusinessError, match="all is loaded but what was left out") as refused:
        rebuilt(lost, empty)
    left_out = str(refused.value).splitlines()[1:]
    assert [line.rpartition(": ")[2] for line in left_out] == [gone, strange]
    assert on_record(lost, empty) == ("FAILED", str(refused.value))
