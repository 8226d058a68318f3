"""Gold tables into their marts: whole, by what changed, twice, two at once, cut off, and never with another sum."""

from __future__ import annotations

import random
from datetime import date
from decimal import Decimal
from typing import Any

import fakesnow.server
import pytest

from contracts.dialects.snowflake import snowflake_type
from tasks.errors import SystemFault, TransientError
from tasks.lake import lake_commits, lake_tables
from tasks.services import aws
from tasks.warehouse import copy_load
from tasks.warehouse.copy_load import LoadResult, Totals, load
from tests.warehouse.interleaved import (
    Held,
    Killed,
    around_statements,
    in_background,
    is_waiting,
    kill_after,
    lose_the_answer,
    send_twice,
)
from tests.warehouse.shop.copied_lake import CopiedLake, Row, customer, sales, score
from tests.warehouse.standin import Warehouse
from warehouse import write_lock
from warehouse.load.shop.copies import COPIES

pytestmark = pytest.mark.e2e  # half a second a load on the stand-in

CUSTOMERS, SALES, SCORES = "customer_analytics", "sales_summary", "churn_predictions"
HEADS = "SELECT dataset, snapshot_id, run_id FROM MONITORING.LOAD_HEADS ORDER BY 1"
LOADS = "SELECT dataset, snapshot_id, files, rows_staged FROM MONITORING.LOADS ORDER BY 1, 2"
CHANGES = (sales(1, "Toys", "ENG", "GBP", "10.10"), sales(2, "Toys", "ENG", "GBP", "5.00"))
NULLS = [
    sales(None, None, None, None, "1.00"),
    sales(None, "", None, None, "2.00"),
    sales(None, None, "", None, "4.00"),
    sales(3, None, "ENG", "GBP", "8.00"),
    sales(3, "", "ENG", "GBP", "16.00"),
]


def bring(warehouse: Warehouse, table: Any, run_id: str = "run-1") -> LoadResult:
    return load(warehouse.connection, table, run_id)


def totals(rows: list[Row], amount: str) -> Totals:
    return Totals(len(rows), sum((row[amount] for row in rows), Decimal()))


@pytest.mark.parametrize("table", COPIES)
def test_the_mart_has_the_columns_of_the_contract(warehouse: Warehouse, table: str) -> None:
    mart = COPIES[table]
    found = warehouse.rows(f"DESCRIBE TABLE {mart.table}")
    shown = {"BIGINT": "NUMBER(38,0)", "VARCHAR": "VARCHAR(16777216)", "DOUBLE": "FLOAT"}
    expected = [
        (
            column.name.upper(),
            shown.get(kind := snowflake_type(column.kind), kind).replace(", ", ","),
            "N" if column.required else "Y",
        )
        for column in mart.dataset.columns
    ]
    assert [(row[0], row[1], row[3]) for row in found] == expected
    personal = {"email", "phone", "name", "address"}
    assert not [column for column in mart.columns if any(word in column for word in personal)]


def test_nothing_to_load(warehouse: Warehouse, lake: CopiedLake) -> None:
    assert bring(warehouse, CUSTOMERS) == LoadResult("nothing", None)
    assert warehouse.rows(HEADS) == []


def test_a_scoring_replaces_the_same_days(warehouse: Warehouse, lake: CopiedLake) -> None:
    first, second = date(2026, 3, 1), date(2026, 3, 8)
    lake.commit(SCORES, [[score(key, first) for key in range(20)]])
    bring(warehouse, SCORES)
    (old,) = lake.commit(SCORES, [[score(key, second) for key in range(5)]])
    bring(warehouse, SCORES)
    lake.commit(SCORES, [[score(key, second, 0.9, 1) for key in range(1, 7)]], [old])
    assert bring(warehouse, SCORES).how == "changes"
    assert lake.mart(SCORES) == lake.rows(SCORES)
    by_day = (
        "SELECT as_of, COUNT(*), SUM(decile) FROM ML_OUTPUTS.CHURN_PREDICTIONS GROUP BY as_of ORDER BY as_of"
    )
    assert warehouse.rows(by_day) == [(first, 20, 60), (second, 6, 6)]


def test_whole_then_by_what_changed(warehouse: Warehouse, lake: CopiedLake) -> None:
    first = [customer(1), customer(2, "20.20"), customer(3, "0.00", currency=None, last_order_date=None)]
    second = [customer(key, "1.00") for key in range(10, 20)]
    old, _ = lake.commit(CUSTOMERS, [first, second])
    assert bring(warehouse, CUSTOMERS) == LoadResult(
        "whole", lake.snapshot(CUSTOMERS), 13, 0, Totals(13, Decimal("40.20"))
    )
    assert lake.mart(CUSTOMERS) == lake.rows(CUSTOMERS)

    # One customer changed, one is new, the others of the replaced file survive it.
    lake.commit(CUSTOMERS, [[customer(2, "99.99"), customer(4)], [first[0], first[2]]], [old])
    statements: list[str] = []
    with warehouse.connect() as session:
        around_statements(session, lambda sql, send: (statements.append(sql), send())[1])
        assert load(session, CUSTOMERS, "run-2") == LoadResult(
            "changes", lake.snapshot(CUSTOMERS), 4, 3, Totals(14, Decimal("129.99"))
        )
    assert lake.mart(CUSTOMERS) == lake.rows(CUSTOMERS)
    assert sum("part-0.parquet" in sql for sql in statements) == 2
    # Not the lock of CPG: a load would wait for a rebuild of its marts.
    assert {lock for lock in (write_lock.CPG, write_lock.SHOP) if any(lock in sql for sql in statements)} == {
        write_lock.SHOP
    }
    assert (
        sum(sql.count("part-0.parquet") for sql in statements) == 3
    )  # two new files and the one that is gone
    assert warehouse.rows(HEADS) == [("gold.customer_analytics", lake.snapshot(CUSTOMERS), "run-2")]
    assert [row[2:] for row in warehouse.rows(LOADS)] in ([(2, 13), (2, 4)], [(2, 4), (2, 13)])

    assert bring(warehouse, CUSTOMERS, "run-3") == LoadResult("nothing", lake.snapshot(CUSTOMERS))
    assert warehouse.rows(HEADS)[0][2] == "run-2"


def test_a_scoring_reaches_the_mart(warehouse: Warehouse, lake: CopiedLake) -> None:
    others = [customer(key) for key in range(10, 20)]
    old, kept = lake.commit(CUSTOMERS, [[customer(1), customer(2)], others])
    bring(warehouse, CUSTOMERS)
    lake.commit(
        CUSTOMERS, [[customer(1, churn_probability=0.125), customer(2, churn_probability=1.0)]], [old]
    )
    assert bring(warehouse, CUSTOMERS).how == "changes"
    assert lake.mart(CUSTOMERS) == lake.rows(CUSTOMERS)
    scored = "SELECT customer_key, churn_probability FROM MARTS.CUSTOMER_ANALYTICS WHERE churn_probability IS NOT NULL"
    assert sorted(warehouse.rows(scored)) == [(1, 0.125), (2, 1.0)]
    lake.commit(CUSTOMERS, [[customer(10, churn_probability=0.5), *others[1:]]], [kept])
    bring(warehouse, CUSTOMERS)
    assert sorted(warehouse.rows(scored)) == [(1, 0.125), (2, 1.0), (10, 0.5)]


def test_groups_that_vanish_are_gone_and_a_null_is_not_a_blank(
    warehouse: Warehouse, lake: CopiedLake
) -> None:
    many = [sales(day, "Toys", "ENG", "GBP", "1.00") for day in range(4, 24)]
    *alike, old, _ = lake.commit(SALES, [*([row] for row in NULLS[:3]), CHANGES, [*many, *NULLS[3:]]])
    bring(warehouse, SALES)
    assert len(lake.mart(SALES)) == 27

    for number, gone in enumerate(alike):  # groups that differ only in what is null
        (old,) = lake.commit(SALES, [[CHANGES[1] | {"units": 5 + number}]], [old, gone])
        assert bring(warehouse, SALES, f"run-{number}").how == "changes"
        assert lake.mart(SALES) == lake.rows(SALES)
    lake.commit(SALES, (), [old])
    assert bring(warehouse, SALES).rows_deleted == 1
    assert lake.mart(SALES) == lake.rows(SALES)
    assert len(lake.mart(SALES)) == 22


def test_any_chain_of_commits_ends_as_the_newest_snapshot(warehouse: Warehouse, lake: CopiedLake) -> None:
    """Random rows change, come and go; some commits are loaded one by one, some together; some snapshots expire."""
    draw = random.Random(3)
    texts = (None, "", "A", "B")
    keys = [(d, c, r, "INR") for d in (None, 1, 2) for c in texts for r in texts]
    live: dict[str, list[Row]] = {}
    seen = set()
    for number in range(9):
        removed = [file for file in live if draw.random() < 0.4]
        taken = {
            tuple(row.values())[:4] for file, rows in live.items() if file not in removed for row in rows
        }
        fresh = [
            sales(*key, f"{draw.randint(1, 9999)}.{draw.randint(10, 99)}", draw.randint(1, 9))
            for key in draw.sample(keys, 15)
        ]
        parts = [[row for row in fresh if tuple(row.values())[:4] not in taken][half::2] for half in (0, 1)]
        files = lake.commit(SALES, parts, removed)
        live = {file: rows for file, rows in live.items() if file not in removed} | dict(
            zip(files, parts, strict=True)
        )
        if number in (0, 1, 3, 6, 8):
            if number == 6:
                expire_all_but_the_newest()
            seen.add(bring(warehouse, SALES, f"run-{number}").how)
            assert lake.mart(SALES) == lake.rows(SALES)
    bring(warehouse, SALES)
    assert lake.mart(SALES) == lake.rows(SALES)
    assert seen == {"whole", "changes"}


def expire_all_but_the_newest() -> None:
    table = lake_tables.load("gold", SALES)
    assert table
    newest = lake_tables.snapshot_id(table)
    lake_commits.expire(table, [s.snapshot_id for s in table.snapshots() if s.snapshot_id != newest], None)


@pytest.mark.parametrize("why", ["expired", "forgotten"])
def test_from_a_snapshot_that_is_not_known_all_is_loaded(
    warehouse: Warehouse, lake: CopiedLake, why: str
) -> None:
    many = [sales(day, "Toys", "ENG", "GBP", "1.00") for day in range(4, 24)]
    old, _ = lake.commit(SALES, [CHANGES, many])
    bring(warehouse, SALES)
    lake.commit(SALES, [[CHANGES[0]]], [old])
    if why == "expired":
        expire_all_but_the_newest()
    else:
        warehouse.rows("DELETE FROM MONITORING.LOAD_HEADS")
    result = bring(warehouse, SALES)
    assert (result.how, result.copy) == ("whole", totals([*many, CHANGES[0]], "net_amount"))
    assert lake.mart(SALES) == lake.rows(SALES)


def test_a_day_that_replaces_every_row_is_loaded_whole(warehouse: Warehouse, lake: CopiedLake) -> None:
    """Its files would be read twice otherwise, those that are gone and those that are new."""
    old = lake.commit(CUSTOMERS, [[customer(1), customer(2)], [customer(3)]])
    bring(warehouse, CUSTOMERS)
    lake.commit(CUSTOMERS, [[customer(key, "3.00") for key in (1, 2, 3)]], old)
    assert bring(warehouse, CUSTOMERS).how == "whole"
    assert lake.mart(CUSTOMERS) == lake.rows(CUSTOMERS)


def world(lake: CopiedLake, warehouse: Warehouse) -> None:
    """Half a mart is loaded, and a snapshot waits that changes one of its files."""
    many = [customer(key) for key in range(100, 120)]
    old, _ = lake.commit(CUSTOMERS, [[customer(1), customer(2)], many])
    bring(warehouse, CUSTOMERS, "before")
    lake.commit(CUSTOMERS, [[customer(1, "7.00"), customer(2)]], [old])


@pytest.mark.parametrize("text", ["BEGIN", "DELETE FROM MARTS"])
def test_two_loads_at_once(warehouse: Warehouse, lake: CopiedLake, text: str) -> None:
    world(lake, warehouse)
    with warehouse.connect() as first, warehouse.connect() as second:
        held = Held(first, text, lambda: load(first, CUSTOMERS, "first"))
        other = in_background(lambda: load(second, CUSTOMERS, "second"))
        if text == "DELETE FROM MARTS":
            assert is_waiting(other)
        else:
            assert other.result(60).how == "changes"
        outcomes = [held.let_go().how, other.result(60).how]
    assert sorted(outcomes) == ["changes", "nothing"]
    assert lake.mart(CUSTOMERS) == lake.rows(CUSTOMERS)
    assert len(warehouse.rows(LOADS)) == 2


def test_a_load_that_was_paused_does_not_put_an_old_snapshot_over_a_newer_one(
    warehouse: Warehouse, lake: CopiedLake
) -> None:
    world(lake, warehouse)
    with warehouse.connect() as paused:
        held = Held(paused, "BEGIN", lambda: load(paused, CUSTOMERS, "paused"))
        lake.commit(CUSTOMERS, [[customer(3, "3.00")]])
        assert bring(warehouse, CUSTOMERS, "other").how == "changes"
        assert held.let_go() == LoadResult("nothing", lake.snapshot(CUSTOMERS))
    assert lake.mart(CUSTOMERS) == lake.rows(CUSTOMERS)
    assert len(lake.mart(CUSTOMERS)) == 23


def test_a_load_killed_after_any_statement_leaves_the_mart_as_it_was(
    warehouse: Warehouse, lake: CopiedLake
) -> None:
    world(lake, warehouse)
    before, heads = lake.mart(CUSTOMERS), warehouse.rows(HEADS)
    for statements in range(0, 60, 2):
        with warehouse.connect() as session:
            kill_after(session, statements)
            try:
                load(session, CUSTOMERS, "killed")
            except Killed:
                # The last statement turns autocommit on: it is sent after the COMMIT.
                if warehouse.rows(HEADS) == heads:
                    assert lake.mart(CUSTOMERS) == before
                    continue
        break
    assert 15 < statements < 30
    assert bring(warehouse, CUSTOMERS).how == "nothing"
    assert lake.mart(CUSTOMERS) == lake.rows(CUSTOMERS) != before


@pytest.mark.parametrize(
    ("beginning", "whole"),
    [
        ("COPY", False),
        ("UPDATE MONITORING.LOAD_HEADS", False),
        ("DELETE FROM MARTS", False),
        ("INSERT INTO MARTS", False),
        ("INSERT OVERWRITE INTO MARTS", True),
        ("COMMIT", True),
    ],
)
def test_a_statement_that_is_sent_twice_changes_nothing_twice(
    warehouse: Warehouse, lake: CopiedLake, beginning: str, whole: bool
) -> None:
    world(lake, warehouse)
    if whole:
        warehouse.rows("DELETE FROM MONITORING.LOAD_HEADS")
    with warehouse.connect() as doubled:
        send_twice(doubled, beginning)
        assert load(doubled, CUSTOMERS, "doubled").how == ("whole" if whole else "changes")
    assert lake.mart(CUSTOMERS) == lake.rows(CUSTOMERS)
    assert len(warehouse.rows(LOADS)) == 2


@pytest.mark.parametrize(("text", "landed"), [("COMMIT", True), ("DELETE FROM MARTS", False)])
def test_where_an_answer_is_lost_the_head_says_what_landed(
    warehouse: Warehouse, lake: CopiedLake, text: str, landed: bool
) -> None:
    world(lake, warehouse)
    session = warehouse.connect()
    lose_the_answer(session, text)
    with pytest.raises(TransientError, match="the connection was reset"):
        load(session, CUSTOMERS, "lost")
    fakesnow.server.sessions.pop(session.rest.token).abandon()  # type: ignore[union-attr]
    assert bring(warehouse, CUSTOMERS).how == ("nothing" if landed else "changes")
    assert lake.mart(CUSTOMERS) == lake.rows(CUSTOMERS)


@pytest.mark.parametrize(
    "harm",
    [
        "DELETE FROM MARTS.CUSTOMER_ANALYTICS WHERE customer_key = 1",
        "UPDATE MARTS.CUSTOMER_ANALYTICS SET lifetime_value = lifetime_value + 0.01 WHERE customer_key = 1",
    ],
)
def test_a_mart_that_somebody_changed_is_not_built_on(
    warehouse: Warehouse, lake: CopiedLake, harm: str
) -> None:
    world(lake, warehouse)
    warehouse.rows(harm)
    harmed, heads = lake.mart(CUSTOMERS), warehouse.rows(HEADS)
    with pytest.raises(
        SystemFault, match=r"Nothing was changed\. Somebody else has changed the copy: delete the row"
    ):
        bring(warehouse, CUSTOMERS)
    assert (lake.mart(CUSTOMERS), warehouse.rows(HEADS)) == (harmed, heads)
    warehouse.rows("DELETE FROM MONITORING.LOAD_HEADS")
    assert bring(warehouse, CUSTOMERS).how == "whole"
    assert lake.mart(CUSTOMERS) == lake.rows(CUSTOMERS)


def test_a_file_that_was_overwritten_is_not_loaded(warehouse: Warehouse, lake: CopiedLake) -> None:
    world(lake, warehouse)
    before = lake.mart(CUSTOMERS)
    table = lake_tables.load("gold", CUSTOMERS)
    assert table
    newest = table.scan().plan_files()
    small = min(newest, key=lambda task: task.file.record_count).file.file_path
    other = lake.file(CUSTOMERS, [customer(1)])
    bucket, key = aws.split(other)
    body = aws.s3().get_object(Bucket=bucket, Key=key)["Body"].read()
    aws.s3().put_object(Bucket=bucket, Key=aws.split(small)[1], Body=body)
    with pytest.raises(SystemFault, match="has 2 rows by its manifests, and 1 arrived in the warehouse"):
        bring(warehouse, CUSTOMERS)
    assert lake.mart(CUSTOMERS) == before


def test_a_run_that_is_always_outrun_gives_up(
    warehouse: Warehouse, lake: CopiedLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its table is older than what the warehouse holds, each time it looks."""
    world(lake, warehouse)
    monkeypatch.setattr(copy_load.load_heads, "last_loaded", lambda *_: None)
    monkeypatch.setattr(copy_load, "_MAX_TRIES", 2)
    with pytest.raises(TransientError, match=r"gold.customer_analytics: other runs loaded it every time"):
        bring(warehouse, CUSTOMERS)
