"""RAW is replaced at once: a reader sees what one run read, whole, and a failed load changes nothing."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from datetime import date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.errors import HighwaterError
from tasks.services.snowflake import execute
from tasks.warehouse.warehouse_write import writing
from tests.warehouse.marketing import (
    Customer,
    Event,
    clear,
    facts,
    load_events,
    stage_customers,
    stage_events,
)
from tests.warehouse.standin import BUCKET, Warehouse
from warehouse.load.marketing import events, raw, staged
from warehouse.statement import Statement

READ = "SELECT COUNT(*), MIN(run_id), MAX(run_id) FROM RAW.RAW_CLICKSTREAM_EVENTS"


@pytest.fixture
def marketing(migrated: Warehouse) -> Iterator[Warehouse]:
    clear(migrated.rows)
    yield migrated
    clear(migrated.rows)


def change(warehouse: Warehouse, statements: list[Statement]) -> None:
    with writing(warehouse.connection, "a test"):
        for statement in statements:
            execute(warehouse.connection, statement)


def test_a_reader_never_sees_it_empty_or_mixed(marketing: Warehouse) -> None:
    stage_events(marketing.of_worker, [Event("e", "u", 0)])
    marketing.of_worker(
        f"INSERT INTO {staged.EVENTS} SELECT event.* FROM {staged.EVENTS} event CROSS JOIN DW.DIM_DATE"
    )
    ((rows,),) = marketing.of_worker(f"SELECT COUNT(*) FROM {staged.EVENTS}")
    change(marketing, raw.replace_events())
    seen: set[tuple[object, ...]] = set()
    ended = threading.Event()

    def poll() -> None:
        with marketing.connect() as session, session.cursor() as cursor:
            while not ended.is_set():
                seen.add(tuple(cursor.execute(READ).fetchone()))  # type: ignore[union-attr, arg-type]

    reader = threading.Thread(target=poll)
    reader.start()
    for number in range(1, 5):
        marketing.of_worker(f"UPDATE {staged.EVENTS} SET run_id = 'run-{number}'")
        change(marketing, raw.replace_events())
    ended.set()
    reader.join(timeout=30)

    assert rows > 70_000
    assert seen <= {(rows, f"run-{number}", f"run-{number}") for number in range(5)}
    assert len(seen) > 1
    assert marketing.one(READ) == (rows, "run-4", "run-4")


def test_a_load_that_fails_leaves_what_was_there(marketing: Warehouse) -> None:
    stage_events(marketing.of_worker, [Event(name, "u", 0) for name in "abc"])
    change(marketing, raw.replace_events())
    stage_events(marketing.of_worker, [Event(name, "u", 0, day=1) for name in "ab"])
    marketing.of_worker(f"UPDATE {staged.EVENTS} SET event_type = NULL WHERE line_number = 2")

    with pytest.raises(HighwaterError, match=r"fill RAW\.RAW_CLICKSTREAM_EVENTS"):
        change(marketing, raw.replace_events())
    assert marketing.one(READ) == (3, "run-0", "run-0")


def test_raw_has_the_first_line_of_each_customer_and_each_delivery_of_an_event(marketing: Warehouse) -> None:
    stage_customers(marketing.of_worker, 0, [Customer("a"), Customer("b"), Customer("a", "Second")])
    stage_events(marketing.of_worker, [Event("e", "u", 0), Event("e", "u", 1)])
    change(marketing, [*raw.replace_customers(), *raw.replace_events()])
    read = "SELECT customer_id, first_name, line_number, loaded_at IS NULL FROM RAW.RAW_CUSTOMER_DEMOGRAPHICS ORDER BY 1"
    assert marketing.rows(read) == [("a", "Asha", 1, False), ("b", "Asha", 2, False)]
    assert marketing.one("SELECT COUNT(*) FROM RAW.RAW_CLICKSTREAM_EVENTS") == 2
    for table, key in ((staged.CUSTOMERS, "customer_id"), (staged.EVENTS, "event_id")):
        assert execute(marketing.connection, staged.count_repeated(table, key)) == (1,)


def test_a_merge_takes_what_its_run_has_staged(marketing: Warehouse) -> None:
    """Another run may have replaced RAW in between."""
    stage_events(marketing.of_worker, [Event("mine", "u", 0)])
    change(marketing, raw.replace_events())
    marketing.rows("UPDATE RAW.RAW_CLICKSTREAM_EVENTS SET event_id = 'theirs'")
    change(marketing, events.merge_events())
    assert {row[0] for row in facts(marketing.rows)} == {"mine"}


def test_files_are_staged_by_the_names_of_their_columns(marketing: Warehouse) -> None:
    moment = datetime(2025, 1, 10, 1, 2, 3, 456789)
    row = {**Event("e", "u", 0).row(7), "timestamp": moment, "source_date": date(2025, 1, 10)}
    types = {"timestamp": pa.timestamp("us", tz="UTC"), "source_date": pa.date32()}
    table = pa.table({name: pa.array([value], types.get(name)) for name, value in reversed(row.items())})
    body = io.BytesIO()
    pq.write_table(table, body)
    marketing.s3.put_object(Bucket=BUCKET, Key="work/events.parquet", Body=body.getvalue())
    for statement in staged.stage_events([f"s3://{BUCKET}/work/events.parquet"]):
        execute(marketing.connection, statement)
    assert execute(marketing.connection, staged.count_staged(staged.EVENTS)) == (1,)
    change(marketing, [*raw.replace_events(), *events.merge_events()])
    read = "SELECT event_id, event_timestamp, duration_ms, properties, source_file, run_id FROM DW.FACT_CLICK_EVENTS"
    assert marketing.one(read) == ("e", moment, 0, '{"a":1}', "clicks-0.json", "run-0")
    assert marketing.one("SELECT timestamp, line_number FROM RAW.RAW_CLICKSTREAM_EVENTS") == (moment, 7)


def test_no_event_is_no_fault(marketing: Warehouse) -> None:
    load_events(marketing.rows, [Event("e", "u", 0)])
    load_events(marketing.rows, [])
    assert len(facts(marketing.rows)) == 1
