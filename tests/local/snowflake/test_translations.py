"""A statement that is executed again is not translated again, and still means what it says where it is executed."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import ProgrammingError

from local.snowflake.forms import form_of
from local.snowflake.translations import Kept
from tests.local.snowflake.conftest import Connect

Sql = Callable[[str], list[tuple[object, ...]]]
READ = "SELECT * FROM things ORDER BY 1"
MERGE = """MERGE INTO things t USING (SELECT ? AS id, ? AS name) s ON t.id = s.id
WHEN MATCHED THEN UPDATE SET name = s.name WHEN NOT MATCHED THEN INSERT (id, name) VALUES (s.id, s.name)"""


@pytest.fixture(autouse=True)
def things(sql: Sql) -> None:
    sql("CREATE OR REPLACE TABLE things (id INT, name VARCHAR(20))")


def run(connection: SnowflakeConnection, statement: str, values: tuple[object, ...] = ()) -> list[object]:
    return list(connection.cursor().execute(statement, values or None).fetchall())


def test_each_execution_has_its_own_values(connect: Connect) -> None:
    connection = connect(paramstyle="qmark")
    counts = [run(connection, MERGE, (n % 2, f"name {n}")) for n in range(4)]
    assert counts == [[(1, 0)], [(1, 0)], [(0, 1)], [(0, 1)]]
    assert run(connection, READ) == [(0, "name 2"), (1, "name 3")]
    assert [run(connection, "SELECT TO_NUMBER(?) + 1", (n,)) for n in (1, 2)] == [[(2,)], [(3,)]]


def test_a_table_that_was_made_anew_shows_its_new_columns(sql: Sql) -> None:
    assert sql(READ) == []
    sql("INSERT INTO things VALUES (1, 'one')")
    assert sql(READ) == [(1, "one")]
    sql("CREATE OR REPLACE TABLE things (only_one VARCHAR)")
    sql("INSERT INTO things VALUES ('x')")
    assert sql(READ) == [("x",)]


def test_a_name_means_the_table_of_the_session_s_schema(connect: Connect) -> None:
    connection = connect()
    run(connection, "CREATE SCHEMA IF NOT EXISTS HIGHWATER.OTHER")
    run(connection, "CREATE OR REPLACE TABLE HIGHWATER.OTHER.things AS SELECT 9 AS id")
    assert run(connect(schema="OTHER"), READ) == [(9,)]
    assert run(connect(schema="RAW"), READ) == []
    run(connection, "USE SCHEMA OTHER")
    assert run(connection, READ) == [(9,)]
    with pytest.raises(ProgrammingError, match="does not have a current database"):
        run(connect(database=None, schema=None), READ)


def test_each_session_sees_its_own_temporary_table(connect: Connect) -> None:
    sessions = [connect() for _ in range(3)]
    for number, session in enumerate(sessions[:2]):
        run(session, f"CREATE TEMPORARY TABLE things AS SELECT {number} AS id")
    assert [run(session, READ) for session in sessions] == [[(0,)], [(1,)], []]
    copied = "INSERT INTO things SELECT id + 10 FROM RAW.things"
    for session in sessions[:2]:
        run(session, copied)
    assert [run(session, READ) for session in sessions] == [[(0,), (10,)], [(1,), (11,)], []]
    run(sessions[0], "DROP TABLE things")
    assert run(sessions[0], READ) == []


def test_a_statement_that_failed_is_right_when_its_table_is_there(connect: Connect) -> None:
    connection = connect()
    statement = "SELECT id FROM later"
    for _ in range(2):
        run(connection, "DROP TABLE IF EXISTS later")
        with pytest.raises(ProgrammingError, match="LATER") as missing:
            run(connection, statement)
        assert (missing.value.errno, missing.value.sqlstate) == (2003, "42S02")
        run(connection, "CREATE TABLE later AS SELECT 1 AS id")
        assert run(connection, statement) == [(1,)]


def test_session_variables_and_names_that_are_bound_are_looked_up_each_time(connect: Connect) -> None:
    connection = connect()
    for value in (1, 2):
        run(connection, f"SET wanted = {value}")
        assert run(connection, "SELECT $wanted + 1") == [(value + 1,)]


def test_values_that_the_connector_writes_into_the_text_are_those_of_each_execution(connect: Connect) -> None:
    connection = connect()  # it binds on this side: pyformat
    copied = (
        "INSERT INTO things (id, name) SELECT %s, item.value:name::VARCHAR"
        " FROM LATERAL FLATTEN(INPUT => PARSE_JSON(%s)) item"
    )
    documents = [[{"name": name}] for name in ("it's", 'a "b"', "back\\slash", "two\nlines", "ünï")]
    ids = [1234567890123456789 + n for n in range(len(documents))]
    run_ids = [f"0a1b2c3d-0000-4000-8000-{n:012x}" for n in range(len(documents))]
    run(connection, "CREATE OR REPLACE TABLE things (id NUMBER(38, 0), name VARCHAR, run_id VARCHAR)")
    for id_, run_id, document in zip(ids, run_ids, documents, strict=True):
        run(connection, copied, (id_, json.dumps(document)))
        run(connection, "UPDATE things SET run_id = %s WHERE id = %s", (f"run {run_id}", id_))
    expected = [
        (id_, document[0]["name"], f"run {run_id}")
        for id_, run_id, document in zip(ids, run_ids, documents, strict=True)
    ]
    found = run(connection, "SELECT id, name, run_id FROM things ORDER BY id")
    assert found == expected


def test_the_message_about_a_broken_statement_shows_it_as_it_was_sent(connect: Connect) -> None:
    with pytest.raises(ProgrammingError, match="1234567890123456789"):
        run(connect(), "SELECT FROM WHERE 1234567890123456789")


def test_a_form_is_filled_with_what_was_taken_out() -> None:
    statement = "SELECT 12345678901234567, '5f0c8a44-0000-4000-8000-00000000000a', PARSE_JSON('{\"a\": \\'b\\'}'), 12, 'x'"
    form = form_of(statement)
    assert len(form.values) == 3
    assert form.filled(form.text) == (
        "SELECT 12345678901234567, '5f0c8a44-0000-4000-8000-00000000000a', PARSE_JSON('{\"a\": ''b''}'), 12, 'x'"
    )
    assert form_of(statement.replace("12345678901234567", "76543210987654321")).text == form.text
    assert form_of("SELECT 12, '2025-01-01', 'a string of more than forty characters, as it is'").values == ()


UUID = "5f0c8a44-0000-4000-8000-00000000000a"


@pytest.mark.parametrize(
    "statement",
    [
        f'SELECT * FROM "{UUID}" WHERE "1234567890123456" = 1',
        "UPDATE things SET name = 'x' -- was PARSE_JSON('\nWHERE id = 1 AND name <> ''",
        "SELECT 1 // it's 1234567890123456",
        "SELECT 1 /* 1234567890123456 ' */",
        r"SELECT '\1234567890123456'",
        "SELECT 12345678-1234-1234-1234-123456789012",
        "SELECT $$it's 1234567890123456$$",
    ],
)
def test_only_values_are_taken_out(statement: str) -> None:
    assert form_of(statement).text == statement
    assert form_of(f"{statement}\n, 'run {UUID}'").text != f"{statement}\n, 'run {UUID}'"


def test_a_document_inside_a_string_is_part_of_the_string(sql: Sql) -> None:
    assert sql(r"SELECT 'call PARSE_JSON(\'{}\')'") == [("call PARSE_JSON('{}')",)]
    assert sql("SELECT 'call PARSE_JSON(''{}'')'") == [("call PARSE_JSON('{}')",)]


def test_a_comment_hides_no_condition(sql: Sql) -> None:
    sql("INSERT INTO things VALUES (1, 'a'), (2, 'b')")
    sql("UPDATE things SET name = 'x' -- was PARSE_JSON('\nWHERE id = 1 AND name <> ''")
    assert sql(READ) == [(1, "x"), (2, "b")]


def test_a_name_that_looks_like_a_value_is_a_name(connect: Connect) -> None:
    connection = connect()
    run(connection, f'CREATE OR REPLACE TABLE "{UUID}" AS SELECT 1 AS id')
    run(connection, f'CREATE TEMPORARY TABLE "{UUID}" AS SELECT 2 AS id')
    run(connection, f'DELETE FROM "{UUID}"')
    assert run(connection, f'SELECT * FROM "{UUID}"') == []
    assert run(connect(), f'SELECT * FROM "{UUID}"') == [(1,)]


def test_a_temporary_table_with_a_quote_in_its_name_belongs_to_its_session(connect: Connect) -> None:
    sessions = [connect() for _ in range(2)]
    for number, session in enumerate(sessions):
        run(session, f'CREATE TEMPORARY TABLE "a""b" AS SELECT {number} AS id')
    assert [run(session, 'SELECT id FROM "a""b"') for session in sessions] == [[(0,)], [(1,)]]


def test_where_a_value_becomes_part_of_something_else_it_is_not_taken_out(connect: Connect) -> None:
    for value in (UUID, UUID.replace("5", "6")):
        cursor = connect().cursor()
        cursor.execute(f"SELECT SUM(IFF(name = '{value}', 1, 0)) FROM things")
        assert value.upper() in cursor.description[0].name
    connection = connect()
    for length in (1234567890123456, 1234567890123457):
        assert run(connection, f"SELECT ARRAY_SIZE(ARRAY_REMOVE_AT([1, 2], {length}))") == [(2,)]


def test_only_so_much_is_kept() -> None:
    kept: Kept[str] = Kept(characters=20)
    for name in ("a", "b"):
        kept.keep(name, name, 10)
    assert kept.find("a") == "a"
    kept.keep("c", "c", 10)
    assert [kept.find(name) for name in ("a", "b", "c")] == ["a", None, "c"]
