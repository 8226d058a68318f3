"""MERGE: refused where it would be ambiguous, whole or not at all, also inside a transaction."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from snowflake.connector.errors import ProgrammingError

Sql = Callable[[str], list[tuple[object, ...]]]


@pytest.fixture(autouse=True)
def target(sql: Sql) -> None:
    sql("CREATE OR REPLACE TABLE target (id INT, name VARCHAR(5), n INT)")
    sql("INSERT INTO target VALUES (1, 'one', 1), (2, 'two', 2)")


def _content(sql: Sql) -> list[tuple[object, ...]]:
    return sql("SELECT id, name, n FROM target ORDER BY id")


def test_two_source_rows_for_one_update_are_refused(sql: Sql) -> None:
    with pytest.raises(ProgrammingError, match="Duplicate row detected during DML action") as refusal:
        sql(
            "MERGE INTO target t USING (SELECT 1 id, 'a' name UNION ALL SELECT 1, 'b') s ON t.id = s.id"
            " WHEN MATCHED THEN UPDATE SET name = s.name"
        )

    assert refusal.value.errno == 100090
    assert _content(sql) == [(1, "one", 1), (2, "two", 2)]


def test_two_source_rows_of_which_one_updates_are_fine(sql: Sql) -> None:
    sql(
        "MERGE INTO target t USING (SELECT 1 id, 'a' name, 9 n UNION ALL SELECT 1, 'b', 0) s ON t.id = s.id"
        " WHEN MATCHED AND s.n > t.n THEN UPDATE SET name = s.name"
    )

    assert _content(sql) == [(1, "a", 1), (2, "two", 2)]


def test_two_source_rows_that_both_delete_are_fine(sql: Sql) -> None:
    sql(
        "MERGE INTO target t USING (SELECT 1 id UNION ALL SELECT 1) s ON t.id = s.id WHEN MATCHED THEN DELETE"
    )

    assert _content(sql) == [(2, "two", 2)]


def test_two_new_rows_of_one_key_are_both_inserted(sql: Sql) -> None:
    sql(
        "MERGE INTO target t USING (SELECT 3 id UNION ALL SELECT 3) s ON t.id = s.id"
        " WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)"
    )

    assert sql("SELECT count(*) FROM target WHERE id = 3") == [(2,)]


def test_clauses_may_compute_from_source_and_target(sql: Sql) -> None:
    counts = sql(
        "MERGE INTO target t USING (SELECT 1 id, 'x' name, 5 n UNION ALL SELECT 3, 'y', 7) s ON t.id = s.id"
        " WHEN MATCHED THEN UPDATE SET name = UPPER(s.name), n = COALESCE(t.n, 0) + s.n"
        " WHEN NOT MATCHED THEN INSERT (id, name, n) VALUES (s.id, LOWER(s.name), s.n * 2)"
    )

    assert counts == [(1, 1)]
    assert _content(sql) == [(1, "X", 6), (2, "two", 2), (3, "y", 14)]


def test_a_merge_that_fails_in_its_second_clause_leaves_nothing(sql: Sql) -> None:
    with pytest.raises(ProgrammingError, match="too long"):
        sql(
            "MERGE INTO target t USING (SELECT 1 id, 'ok' name UNION ALL SELECT 3, 'too long') s ON t.id = s.id"
            " WHEN MATCHED THEN UPDATE SET name = s.name"
            " WHEN NOT MATCHED THEN INSERT (id, name) VALUES (s.id, s.name)"
        )

    assert _content(sql) == [(1, "one", 1), (2, "two", 2)]


def test_a_merge_takes_part_in_a_transaction(sql: Sql) -> None:
    sql("BEGIN")
    sql("INSERT INTO target VALUES (3, 'three', 3)")
    sql("MERGE INTO target t USING (SELECT 3 id) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET name = 'neu'")
    assert _content(sql)[-1] == (3, "neu", 3)
    sql("ROLLBACK")

    assert _content(sql) == [(1, "one", 1), (2, "two", 2)]


def test_ddl_commits_the_transaction_before_it(sql: Sql) -> None:
    sql("BEGIN")
    sql("INSERT INTO target VALUES (3, 'three', 3)")
    sql("CREATE OR REPLACE TABLE another (a INT)")
    sql("ROLLBACK")

    assert _content(sql)[-1] == (3, "three", 3)
