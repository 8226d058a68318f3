"""What the local Snowflake does otherwise than the real one, pinned so that docs/parity.md stays true."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import DatabaseError, IntegrityError, ProgrammingError

Sql = Callable[[str], list[tuple[object, ...]]]


def test_who_was_never_created_is_administrator(connect: Callable[..., SnowflakeConnection]) -> None:
    stranger = connect(user="stranger", password="wrong", role="NO_SUCH_ROLE", warehouse="NO_SUCH_WAREHOUSE")

    assert stranger.cursor().execute("SELECT CURRENT_ROLE()").fetchall() == [("ACCOUNTADMIN",)]
    stranger.cursor().execute("USE WAREHOUSE ANOTHER")
    with pytest.raises(ProgrammingError, match="operation cannot be performed"):
        stranger.cursor().execute("USE ROLE ANOTHER")


def test_an_error_spoils_its_transaction(sql: Sql) -> None:
    sql("CREATE OR REPLACE TABLE spoiled (a INT NOT NULL)")
    sql("BEGIN")
    sql("INSERT INTO spoiled VALUES (1)")
    with pytest.raises(IntegrityError, match="non-nullable"):
        sql("INSERT INTO spoiled VALUES (NULL)")

    with pytest.raises(DatabaseError, match="aborted"):
        sql("INSERT INTO spoiled VALUES (2)")

    sql("ROLLBACK")
    assert sql("SELECT count(*) FROM spoiled") == [(0,)]


def test_the_length_of_an_added_column_is_not_enforced(sql: Sql) -> None:
    sql("CREATE OR REPLACE TABLE grown (a VARCHAR(2))")
    sql("ALTER TABLE grown ADD COLUMN b VARCHAR(2)")
    sql("CREATE OR REPLACE TABLE cloned CLONE grown")

    sql("INSERT INTO grown VALUES ('ab', 'abc')")
    sql("INSERT INTO cloned VALUES ('abc', 'abc')")

    assert sql("SELECT b FROM grown") == [("abc",)]
    assert sql("SELECT a FROM cloned") == [("abc",)]


def test_a_quotient_is_a_float(sql: Sql) -> None:
    ((quotient, mean),) = sql("SELECT 1::NUMBER(18,4) / 3, AVG(a) FROM (SELECT 1::NUMBER(18,4) a) t")

    assert isinstance(quotient, float)
    assert isinstance(mean, float)


def test_a_sum_of_text_fails(sql: Sql) -> None:
    with pytest.raises(ProgrammingError):
        sql("SELECT SUM(a) FROM (SELECT '1' a) t")


def test_count_if_of_no_rows_is_null(sql: Sql) -> None:
    assert sql("SELECT COUNT_IF(a > 0), COUNT(IFF(a > 0, 1, NULL)) FROM (SELECT 1 a WHERE 1 = 0) t") == [
        (None, 0)
    ]


def test_a_comment_by_alter_table_is_taken_and_not_kept(sql: Sql) -> None:
    comments = "SELECT comment FROM INFORMATION_SCHEMA.COLUMNS WHERE table_name = 'COMMENTED'"
    sql("CREATE TABLE RAW.commented (a INT)")

    sql("ALTER TABLE RAW.commented ALTER COLUMN a COMMENT 'said'")
    assert sql(comments) == [(None,)]
    sql("COMMENT ON COLUMN RAW.commented.a IS 'said'")
    assert sql(comments) == [("said",)]


def test_date_trunc_of_a_date_is_a_timestamp(sql: Sql) -> None:
    assert sql("SELECT DATE_TRUNC('month', '2025-01-03'::DATE)") == [(datetime(2025, 1, 1),)]


def test_cluster_by_is_accepted(sql: Sql) -> None:
    sql("CREATE OR REPLACE TABLE clustered (a INT) CLUSTER BY (a)")
    sql("ALTER TABLE clustered CLUSTER BY (a)")

    assert sql("SELECT count(*) FROM clustered") == [(0,)]


def test_times_hold_microseconds_whatever_their_precision(sql: Sql) -> None:
    assert sql(
        "SELECT '2020-01-01 00:00:00.123456789'::TIMESTAMP_NTZ(9), '2020-01-01 00:00:00.9'::TIMESTAMP_NTZ(0)"
    ) == [(datetime(2020, 1, 1, 0, 0, 0, 123456), datetime(2020, 1, 1, 0, 0, 0, 900000))]


def test_a_zoned_timestamp_forgets_its_zone(sql: Sql) -> None:
    ((instant,),) = sql("SELECT '2020-01-01 00:00:00 +05:30'::TIMESTAMP_TZ")

    assert instant == datetime(2019, 12, 31, 18, 30, tzinfo=UTC)
    assert isinstance(instant, datetime)
    assert instant.utcoffset() == timedelta(0)


def test_a_whole_number_has_64_bits(sql: Sql) -> None:
    sql("CREATE OR REPLACE TABLE whole (a NUMBER(38,0))")

    with pytest.raises(ProgrammingError):
        sql("INSERT INTO whole VALUES (9223372036854775808)")


def test_a_variant_is_compact_text_in_the_order_written(sql: Sql) -> None:
    assert sql("""SELECT PARSE_JSON('{"b": 1.50, "a": null}'), PARSE_JSON('null'), PARSE_JSON(NULL)""") == [
        ('{"b":1.5,"a":null}', "null", None)
    ]


def test_a_cast_to_a_shorter_text_does_not_cut(sql: Sql) -> None:
    assert sql("SELECT 'abc'::VARCHAR(2)") == [("abc",)]
