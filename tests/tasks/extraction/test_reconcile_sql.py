"""The source's side of a reconciliation, on the local Snowflake, beside plain Python."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import datetime
from typing import Any

import pytest

from tasks.extraction.reconcile_sql import Asked
from tests.tasks.extraction import reconcile_world as world
from tests.tasks.extraction.shop import opened
from warehouse.records import bound_rows

KEY = ("order_id", "line_number")
NAMES = tuple(world.KINDS)
TYPES = {
    "text": "VARCHAR",
    "integer": "NUMBER(18,0)",
    "decimal(14,2)": "NUMBER(14,2)",
    "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMP_NTZ",
}
ROWS = world.rows(400, seed=7)
BUCKETS = 16
ALL = "9999-12-31 23:59:59.999999"


@pytest.fixture(scope="module")
def ask(port: int) -> Any:
    with closing(opened(port)) as connection:
        cursor = connection.cursor()
        for statement in ("CREATE DATABASE SHOP", "CREATE SCHEMA SHOP.PUBLIC", "USE SCHEMA SHOP.PUBLIC"):
            cursor.execute(statement)
        columns = {name: TYPES[kind] for name, kind in world.KINDS.items()}
        cursor.execute(f"CREATE TABLE ITEMS ({', '.join(f'{n} {t}' for n, t in columns.items())})")
        for start in range(0, len(ROWS), 100):
            told = [{n: v for n, v in row.items() if v is not None} for row in ROWS[start : start + 100]]
            cursor.execute(
                f"INSERT INTO ITEMS {bound_rows(columns)}".replace("%s", "?"),
                (json.dumps(told, default=str),),
            )
        yield lambda bound: [tuple(row) for row in cursor.execute(bound.sql, bound.values).fetchall()]


def asked(buckets: int = BUCKETS, full: str = "SELECT * FROM PUBLIC.ITEMS -- all of them") -> Asked:
    return Asked(full, KEY, "updated_at", world.KINDS, buckets)


def test_the_checksums_are_those_of_plain_python(ask: Any) -> None:
    found = {int(bucket): (int(count), total) for bucket, count, total in ask(asked().sums(ALL))}
    assert found == world.sums(ROWS, KEY, NAMES, BUCKETS)
    assert sum(count for count, _ in found.values()) == 400
    assert len(found) == BUCKETS


def test_rows_later_than_the_watermark_are_pending_and_not_summed_up(ask: Any) -> None:
    until = datetime(2026, 6, 1)
    early = [row for row in ROWS if row["updated_at"] is None or row["updated_at"] <= until]
    late = [row for row in ROWS if row not in early]
    assert len(late) > 40
    found = {int(bucket): (int(count), total) for bucket, count, total in ask(asked().sums(f"{until}"))}
    assert found == world.sums(early, KEY, NAMES, BUCKETS)
    pending = ask(asked().pending(f"{until}"))
    assert sorted(pending) == sorted((row["order_id"], row["line_number"]) for row in late)


def test_a_rows_digest_is_that_of_its_text_and_only_the_buckets_asked_for_come(ask: Any) -> None:
    wanted = {3, 8}
    mine = {
        (row["order_id"], row["line_number"]): world.digest(world.text_of(row, NAMES))
        for row in ROWS
        if int(world.digest(world.text_of(row, KEY)), 16) % BUCKETS in wanted
    }
    found = ask(asked().rows(wanted))
    assert {(row[0], row[1]): row[-1] for row in found} == mine
    assert {tuple(row) for row in ask(asked().keys(wanted))} == mine.keys()


def test_a_row_whose_key_has_a_null_is_in_no_bucket(ask: Any) -> None:
    some = "SELECT * FROM PUBLIC.ITEMS UNION ALL SELECT NULL, 1, 'p', 1, 1, 1, 1, TRUE, NULL, NULL"
    found = ask(asked(full=some).sums(ALL))
    assert sum(int(count) for _, count, _ in found) == 400


def test_two_rows_that_only_split_their_texts_otherwise_have_different_digests() -> None:
    first, second = ({**ROWS[0], "order_id": a, "product_id": b} for a, b in (("a|1:b", "c"), ("a", "b|1:c")))
    assert world.text_of(first, NAMES) != world.text_of(second, NAMES)
