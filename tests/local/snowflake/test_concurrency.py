"""Several clients at once, one of which may die with a transaction open."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import ProgrammingError

from local.snowflake import cursor

pytestmark = pytest.mark.e2e  # a server of its own, many clients and one that is killed

Sql = Callable[[str], list[tuple[object, ...]]]
Connect = Callable[..., SnowflakeConnection]

_DIES_IN_A_TRANSACTION = """
import os, snowflake.connector
connection = snowflake.connector.connect(
    host="127.0.0.1", port={port}, protocol="http", account="local", user="test", password="any",
    database="HIGHWATER", schema="RAW",
)
connection.cursor().execute("BEGIN")
connection.cursor().execute("UPDATE shared SET n = -1")
print("holding", flush=True)
os.read(0, 1)
"""


@pytest.fixture(autouse=True)
def shared(sql: Sql) -> None:
    sql("CREATE OR REPLACE TABLE shared (id INT, n INT)")
    sql("INSERT INTO shared VALUES (1, 0)")


def test_connections_that_write_at_once_take_turns(connect: Connect, sql: Sql) -> None:
    """None may decide that a row is new while another is inserting it."""
    statement = (
        "MERGE INTO shared t USING (SELECT {id} id) s ON t.id = s.id"
        " WHEN MATCHED THEN UPDATE SET n = t.n + 1 WHEN NOT MATCHED THEN INSERT (id, n) VALUES (s.id, 1)"
    )
    writers, rounds = 4, range(100, 110)
    together = threading.Barrier(writers, timeout=30)

    def write() -> None:
        with connect() as connection:
            for row in rounds:
                together.wait()
                connection.cursor().execute(statement.format(id=row))

    with ThreadPoolExecutor(writers) as pool:
        for done in [pool.submit(write) for _ in range(writers)]:
            done.result()

    assert sql("SELECT id, n FROM shared WHERE id >= 100 ORDER BY id") == [(row, writers) for row in rounds]


def test_a_statement_waits_for_a_transaction_and_then_sees_it(connect: Connect, sql: Sql) -> None:
    holder = connect()
    holder.cursor().execute("BEGIN")
    holder.cursor().execute("UPDATE shared SET n = 10")
    waiting = threading.Thread(target=sql, args=("UPDATE shared SET n = n + 1",))
    waiting.start()
    time.sleep(0.5)
    assert waiting.is_alive()

    holder.cursor().execute("COMMIT")
    waiting.join(10)

    assert sql("SELECT n FROM shared") == [(11,)]


def test_waiting_for_a_lock_ends_with_snowflakes_error(
    connect: Connect, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cursor, "LOCK_TIMEOUT_SECONDS", 0.3)
    holder = connect()
    holder.cursor().execute("BEGIN")
    holder.cursor().execute("UPDATE shared SET n = 10")

    with pytest.raises(ProgrammingError) as refusal:
        sql("UPDATE shared SET n = 20")

    assert refusal.value.errno == 625
    holder.cursor().execute("ROLLBACK")


def test_a_killed_clients_transaction_is_rolled_back(port: int, sql: Sql) -> None:
    client = subprocess.Popen(
        [sys.executable, "-c", _DIES_IN_A_TRANSACTION.format(port=port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert client.stdout is not None
    assert client.stdout.readline() == b"holding\n"
    client.kill()
    client.communicate()

    sql("UPDATE shared SET n = 7")

    assert sql("SELECT n FROM shared") == [(7,)]


_ROWS = 200_000
_FRESH = "SELECT {version} AS version, id FROM ids"


@pytest.mark.parametrize(
    "replace",
    [
        ["INSERT OVERWRITE INTO torn {fresh}"],
        ["CREATE OR REPLACE TABLE torn AS {fresh}"],
        ["BEGIN", "DELETE FROM torn", "INSERT INTO torn {fresh}", "COMMIT"],
        [
            "MERGE INTO torn t USING ({fresh}) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET version = s.version"
            " WHEN NOT MATCHED THEN INSERT (version, id) VALUES (s.version, s.id)"
        ],
    ],
    ids=["insert overwrite", "create or replace", "delete and insert", "merge"],
)
def test_a_reader_sees_the_old_table_or_the_new_one(connect: Connect, sql: Sql, replace: list[str]) -> None:
    """DuckDB 1.5 showed rows of both, once a table had more than one row group (122,880 rows)."""
    sql(f"CREATE OR REPLACE TABLE ids AS SELECT SEQ4() AS id FROM TABLE(GENERATOR(ROWCOUNT => {_ROWS}))")
    sql(f"CREATE OR REPLACE TABLE torn AS {_FRESH.format(version=0)}")

    seen: list[tuple[object, ...]] = []

    def write() -> int:
        """Replaces until enough was read meanwhile."""
        version = 0
        with connect() as writer:
            while version < 3 or len({low for _, low, _ in seen}) < 3:
                version += 1
                for statement in replace:
                    writer.cursor().execute(statement.format(fresh=_FRESH.format(version=version)))
        return version

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        while not writing.done():
            seen += sql("SELECT count(*), MIN(version), MAX(version) FROM torn")
        last = writing.result()

    assert {(count, low == high) for count, low, high in seen} == {(_ROWS, True)}
    assert sql("SELECT count(*), MIN(version), MAX(version) FROM torn") == [(_ROWS, last, last)]
