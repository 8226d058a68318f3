"""Where fakesnow would succeed though Snowflake fails, or fail though it succeeds: ours does as Snowflake does."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal

import pytest
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import DatabaseError, ProgrammingError

Sql = Callable[[str], list[tuple[object, ...]]]


def _refusal(sql: Sql, statement: str) -> DatabaseError:
    started = time.monotonic()
    with pytest.raises(DatabaseError) as refusal:
        sql(statement)
    assert time.monotonic() - started < 5, "the connector retried instead of failing"
    return refusal.value


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE DYNAMIC TABLE pretended TARGET_LAG = '1 hour' WAREHOUSE = w AS SELECT 1 a",
        "CREATE MATERIALIZED VIEW pretended AS SELECT 1 a",
        "CREATE EXTERNAL TABLE pretended (a INT) LOCATION = @x",
        "CREATE ICEBERG TABLE pretended (a INT) EXTERNAL_VOLUME = 'v' CATALOG = 'SNOWFLAKE' BASE_LOCATION = 'x'",
        "CREATE TABLE pretended (a INT) WITH ROW ACCESS POLICY p ON (a)",
        "CREATE TABLE pretended (a INT) WITH TAG (k = 'v')",
        "CREATE TABLE pretended (a INT) CHANGE_TRACKING = TRUE",
        "CREATE OR ALTER TABLE pretended (a INT)",
        "CREATE TAG pretended",
        "DROP TAG pretended",
        "ALTER TABLE pretended SET TAG k = 'v'",
        "ALTER TABLE pretended MODIFY COLUMN a SET TAG k = 'v'",
        "ALTER TABLE pretended SWAP WITH other",
        "CREATE DATABASE pretended CLONE HIGHWATER",
        "CREATE FUNCTION pretended(x INT) RETURNS INT AS 'x + 1'",
    ],
)
def test_what_would_only_be_pretended_is_refused(sql: Sql, statement: str) -> None:
    assert _refusal(sql, statement).errno == 2
    assert sql("SELECT count(*) FROM information_schema.tables WHERE table_name = 'PRETENDED'") == [(0,)]


@pytest.mark.parametrize(
    "statement",
    ["UNDROP TABLE gone", "EXECUTE IMMEDIATE 'SELECT 1'", "CREATE ROLE", "GRANT ROLE a TO ROLE b"],
)
def test_what_is_not_understood_fails_at_once(sql: Sql, statement: str) -> None:
    assert isinstance(_refusal(sql, statement), ProgrammingError)


def test_text_that_is_too_long_is_refused(sql: Sql) -> None:
    sql("CREATE OR REPLACE TABLE texts (code VARCHAR(3), note VARCHAR)")
    sql("INSERT INTO texts VALUES ('äöü', 'any length')")

    assert _refusal(sql, "INSERT INTO texts VALUES ('abcd', '')").errno == 100078
    assert _refusal(sql, "UPDATE texts SET code = 'abcd'").errno == 100078
    assert sql("SELECT code FROM texts") == [("äöü",)]


def test_null_in_a_required_column_is_refused(sql: Sql) -> None:
    sql("CREATE OR REPLACE TABLE required (id INT NOT NULL)")

    assert _refusal(sql, "INSERT INTO required VALUES (NULL)").errno == 100072


def test_keys_are_recorded_but_not_enforced(sql: Sql) -> None:
    sql("CREATE OR REPLACE TABLE parents (id INT PRIMARY KEY RELY, code INT UNIQUE)")
    sql(
        "CREATE OR REPLACE TABLE keyed (id INT, parent INT REFERENCES parents (id), CONSTRAINT pk PRIMARY KEY (id) RELY,"
        " CONSTRAINT fk FOREIGN KEY (parent) REFERENCES parents (id))"
    )
    sql("INSERT INTO parents VALUES (1, 1), (1, 1)")
    sql("INSERT INTO keyed VALUES (1, 99), (1, 99)")

    assert sql("SELECT count(*) FROM keyed") == [(2,)]
    assert sql("SELECT count(*) FROM parents") == [(2,)]


def test_division_by_zero_fails(sql: Sql) -> None:
    sql("CREATE OR REPLACE TABLE divided (a NUMBER(18,4), b INT)")
    sql("INSERT INTO divided VALUES (3, 2), (1, 0)")

    assert _refusal(sql, "SELECT 1 / 0").errno == 100051
    assert _refusal(sql, "SELECT a / b FROM divided").errno == 100051
    assert sql("SELECT a / NULLIF(b, 0), DIV0(a, b), IFF(b = 0, -1, a / b) FROM divided ORDER BY a") == [
        (None, 0, -1),
        (1.5, 1.5, 1.5),
    ]


def test_sums_of_numbers_are_exact(sql: Sql) -> None:
    sql("CREATE OR REPLACE TABLE money (amount NUMBER(18,4), pieces INT)")
    sql("INSERT INTO money VALUES (0.1, 1), (0.2, 1), (90000000000000.3, 1)")

    assert sql("SELECT SUM(amount), SUM(pieces) FROM money") == [(Decimal("90000000000000.6000"), 3)]


def test_a_name_that_does_not_exist_has_snowflakes_number(sql: Sql) -> None:
    assert _refusal(sql, "SELECT * FROM no_such_table").errno == 2003


def test_connecting_creates_neither_database_nor_schema(connect: Callable[..., object], sql: Sql) -> None:
    connect(database="NOWHERE", schema="NOTHING")

    databases = sql("SELECT database_name FROM information_schema.databases WHERE database_name = 'NOWHERE'")
    assert databases == []


def test_several_statements_in_one_request_are_refused_before_any_runs(sql: Sql) -> None:
    """They ran, and then the answer was an error."""
    sql("CREATE OR REPLACE TABLE several (a INT)")

    assert _refusal(sql, "INSERT INTO several VALUES (1); INSERT INTO several VALUES (2)").errno == 8
    assert sql("SELECT count(*) FROM several") == [(0,)]


def test_an_earlier_result_is_a_relation(connect: Callable[..., SnowflakeConnection]) -> None:
    cursor = connect().cursor()
    cursor.execute("SELECT 1 a, 'x' b UNION ALL SELECT 2, 'y'")
    query_id = cursor.sfqid

    scan = f"TABLE(RESULT_SCAN('{query_id}'))"
    assert cursor.execute(f"SELECT count(*), SUM(r.a) FROM {scan} r WHERE a > 1").fetchall() == [(1, 2)]
    assert cursor.execute("SELECT * FROM TABLE(RESULT_SCAN(LAST_QUERY_ID()))").fetchall() == [(1, 2)]
    assert cursor.execute(f"SELECT * FROM {scan} ORDER BY a DESC").fetchall() == [(2, "y"), (1, "x")]
    with pytest.raises(ProgrammingError, match="not found"):
        cursor.execute("SELECT * FROM TABLE(RESULT_SCAN('no-such-query'))")
