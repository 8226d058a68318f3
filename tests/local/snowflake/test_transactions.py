"""Transactions: several statements as one, beside other sessions; and tables that only one session sees."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import DatabaseError, ProgrammingError

from local.snowflake import cursor

Rows = list[tuple[object, ...]]
Connect = Callable[..., SnowflakeConnection]


@pytest.fixture
def one(connect: Connect) -> Iterator[SnowflakeConnection]:
    with connect() as connection:
        yield connection


@pytest.fixture
def other(connect: Connect) -> Iterator[SnowflakeConnection]:
    with connect() as connection:
        yield connection


@pytest.fixture(autouse=True)
def tables(connect: Connect) -> None:
    with connect() as connection:
        run(connection, "CREATE SCHEMA IF NOT EXISTS HIGHWATER.STAGE", "USE SCHEMA HIGHWATER.RAW")
        run(connection, "CREATE OR REPLACE TABLE heads (dataset VARCHAR, snapshot INT)")
        run(connection, "INSERT INTO heads VALUES ('sales', 1)")
        run(connection, "CREATE OR REPLACE TABLE dw (id INT NOT NULL, n INT)")
        run(connection, "INSERT INTO dw VALUES (1, 1), (2, 2)")


def run(connection: SnowflakeConnection, *statements: str) -> Rows:
    rows: Rows = []
    for statement in statements:
        rows = [tuple(row) for row in connection.cursor().execute(statement).fetchall()]
    return rows


def _load(connection: SnowflakeConnection) -> int:
    moved = connection.cursor().execute(
        "UPDATE heads SET snapshot = 2 WHERE dataset = %s AND snapshot = %s", ("sales", 1)
    )
    run(
        connection,
        "MERGE INTO dw t USING (SELECT 2 id, 20 n UNION ALL SELECT 3, 30) s ON t.id = s.id"
        " WHEN MATCHED THEN UPDATE SET n = s.n WHEN NOT MATCHED THEN INSERT (id, n) VALUES (s.id, s.n)",
        "DELETE FROM dw WHERE id = 1",
        "INSERT INTO dw SELECT 4, 40",
    )
    return int(moved.rowcount or 0)


@pytest.mark.parametrize(
    ("end", "rows"), [("COMMIT", [(2, 20), (3, 30), (4, 40)]), ("ROLLBACK", [(1, 1), (2, 2)])]
)
def test_several_statements_are_one(
    one: SnowflakeConnection, other: SnowflakeConnection, end: str, rows: Rows
) -> None:
    run(one, "BEGIN")
    assert _load(one) == 1
    assert run(one, "SELECT id, n FROM dw ORDER BY id") == [(2, 20), (3, 30), (4, 40)]
    assert run(other, "SELECT id, n FROM dw ORDER BY id") == [(1, 1), (2, 2)]

    run(one, end)

    assert run(other, "SELECT id, n FROM dw ORDER BY id") == rows


def test_a_second_transaction_waits_and_then_sees_the_first(
    one: SnowflakeConnection, other: SnowflakeConnection
) -> None:
    """Of two loads that move the same head, the second moves nothing, and knows."""
    run(one, "BEGIN")
    run(other, "BEGIN TRANSACTION", "SELECT snapshot FROM heads")
    assert _load(one) == 1
    moved: list[int] = []
    second = threading.Thread(target=lambda: moved.append(_load(other)))
    second.start()
    time.sleep(0.3)
    assert second.is_alive()

    run(one, "COMMIT")
    second.join(20)

    assert moved == [0]
    run(other, "ROLLBACK")
    assert run(one, "SELECT id, n FROM dw ORDER BY id") == [(2, 20), (3, 30), (4, 40)]


def test_each_statement_reads_what_is_committed(one: SnowflakeConnection, other: SnowflakeConnection) -> None:
    run(one, "BEGIN", "SELECT * FROM dw")
    run(other, "INSERT INTO dw VALUES (3, 3)")

    assert run(one, "SELECT count(*) FROM dw") == [(3,)]
    run(one, "ROLLBACK")


def test_a_begin_within_a_transaction_does_nothing(one: SnowflakeConnection) -> None:
    run(one, "BEGIN", "DELETE FROM dw", "BEGIN", "ROLLBACK")

    assert run(one, "SELECT count(*) FROM dw") == [(2,)]


def test_the_first_write_of_a_transaction_may_fail(one: SnowflakeConnection) -> None:
    run(one, "BEGIN")
    with pytest.raises(DatabaseError, match="non-nullable"):
        run(one, "INSERT INTO dw VALUES (NULL, 0)")

    run(one, "INSERT INTO dw VALUES (5, 5)", "COMMIT")

    assert run(one, "SELECT count(*) FROM dw") == [(3,)]


def test_a_commit_of_a_spoiled_transaction_is_refused(one: SnowflakeConnection) -> None:
    """DuckDB would roll back and call it a success."""
    run(one, "BEGIN", "INSERT INTO dw VALUES (5, 5)")
    with pytest.raises(DatabaseError, match="non-nullable"):
        run(one, "INSERT INTO dw VALUES (NULL, 0)")

    with pytest.raises(ProgrammingError, match="rolled back"):
        run(one, "COMMIT")

    assert run(one, "SELECT count(*) FROM dw") == [(2,)]
    run(one, "INSERT INTO dw VALUES (6, 6)")


def test_a_closed_connection_rolls_back(connect: Connect, other: SnowflakeConnection) -> None:
    with connect() as leaving:
        run(leaving, "BEGIN", "DELETE FROM dw")

    run(other, "INSERT INTO dw VALUES (3, 3)")

    assert run(other, "SELECT count(*) FROM dw") == [(3,)]


def test_autocommit_off(
    connect: Connect, other: SnowflakeConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cursor, "LOCK_TIMEOUT_SECONDS", 0.2)
    with connect(autocommit=False) as manual:
        run(manual, "DELETE FROM dw WHERE id = 1")
        with pytest.raises(ProgrammingError, match="waited"):
            run(other, "DELETE FROM dw")
        manual.commit()
        run(manual, "DELETE FROM dw")
        manual.rollback()

        assert run(other, "SELECT id FROM dw") == [(2,)]


def test_a_temporary_table_belongs_to_its_session_and_schema(
    one: SnowflakeConnection, other: SnowflakeConnection
) -> None:
    create = "CREATE TEMPORARY TABLE HIGHWATER.STAGE.dw (id INT, n INT)"
    run(one, create, "INSERT INTO HIGHWATER.STAGE.dw VALUES (7, 7)")
    run(other, create, "INSERT INTO STAGE.dw VALUES (8, 8), (9, 9)")

    assert run(one, "SELECT dw.id, STAGE.dw.n FROM STAGE.dw WHERE HIGHWATER.STAGE.dw.id > 0") == [(7, 7)]
    assert run(other, "SELECT count(*) FROM stage.DW") == [(2,)]
    assert run(one, "SELECT count(*) FROM dw") == [(2,)]
    assert run(one, "WITH dw AS (SELECT 1 a) SELECT a FROM dw") == [(1,)]


def test_a_temporary_table_hides_a_lasting_one(one: SnowflakeConnection, other: SnowflakeConnection) -> None:
    run(one, "CREATE TEMPORARY TABLE dw AS SELECT id + 100 id, n FROM dw", "DELETE FROM dw WHERE dw.id = 101")
    run(one, "UPDATE dw SET n = 0 WHERE dw.id = 102", "INSERT INTO dw (id) VALUES (103)")

    assert run(one, "SELECT * FROM RAW.dw ORDER BY id") == [(102, 0), (103, None)]
    assert run(other, "SELECT * FROM dw ORDER BY id") == [(1, 1), (2, 2)]

    run(one, "DROP TABLE dw")

    assert run(one, "SELECT * FROM dw ORDER BY id") == [(1, 1), (2, 2)]


def test_a_temporary_table_is_merged_within_a_transaction(one: SnowflakeConnection) -> None:
    run(
        one,
        "CREATE TEMPORARY TABLE STAGE.loaded (id INT, n INT)",
        "INSERT INTO STAGE.loaded VALUES (2, 22), (3, 33)",
    )
    run(one, "BEGIN", "DELETE FROM STAGE.loaded WHERE id = 3")
    run(
        one,
        "MERGE INTO RAW.dw t USING HIGHWATER.STAGE.loaded s ON t.id = s.id"
        " WHEN MATCHED THEN UPDATE SET n = s.n WHEN NOT MATCHED THEN INSERT (id, n) VALUES (s.id, s.n)",
        "COMMIT",
    )

    assert run(one, "SELECT id, n FROM dw ORDER BY id") == [(1, 1), (2, 22)]


def test_a_temporary_table_ends_with_its_session(connect: Connect, other: SnowflakeConnection) -> None:
    with connect() as leaving:
        run(leaving, "CREATE TEMPORARY TABLE STAGE.mine (id INT)")

    with pytest.raises(ProgrammingError) as missing:
        run(other, "SELECT * FROM STAGE.mine")
    assert missing.value.errno == 2003


def test_a_temporary_table_that_could_not_be_created_hides_nothing(one: SnowflakeConnection) -> None:
    with pytest.raises(DatabaseError):
        run(one, "CREATE TEMPORARY TABLE dw AS SELECT no_such_column FROM dw")

    assert run(one, "SELECT count(*) FROM dw") == [(2,)]
