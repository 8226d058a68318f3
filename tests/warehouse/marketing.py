"""Customers and events as the worker stages them, and what plain Python makes of all of them at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, timedelta
from functools import cache
from itertools import groupby, pairwise
from typing import Any

import duckdb
import sqlglot

from tests.warehouse.curated import hashed
from warehouse.load.marketing import events, profiles, staged
from warehouse.load.staging import create_text
from warehouse.migrate import MIGRATIONS

Run = Callable[[str], list[tuple[Any, ...]]]

FIRST_DAY = date(2025, 1, 10)
MIDNIGHT = datetime(2025, 1, 10)
TABLES = (
    "RAW.RAW_CUSTOMER_DEMOGRAPHICS",
    "RAW.RAW_CLICKSTREAM_EVENTS",
    "DW.DIM_CUSTOMER_PROFILE",
    "DW.FACT_CLICK_EVENTS",
)


@dataclass(frozen=True)
class Event:
    """Seconds count from the midnight at which FIRST_DAY begins; day 0 is its partition."""

    event_id: str
    user_id: str | None
    seconds: int
    page: str = "/"
    day: int = 0

    @property
    def at(self) -> datetime:
        return MIDNIGHT + timedelta(seconds=self.seconds)

    @property
    def content_hash(self) -> str:
        content = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "day"}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def row(self, line: int) -> dict[str, Any]:
        return {
            "event_id": self.event_id,
            "user_id": self.user_id,
            "event_type": "page_view",
            "page_url": self.page,
            "duration_ms": self.seconds % 997,
            "timestamp": self.at.isoformat(sep=" "),
            "properties": '{"a":1}',
            "customer_key": self.user_id and hashed(self.user_id),
            "content_hash": self.content_hash,
            "source_date": str(FIRST_DAY + timedelta(days=self.day)),
            "source_file": f"clicks-{self.day}.json",
            "line_number": line,
            "run_id": f"run-{self.day}",
        }


@dataclass(frozen=True)
class Customer:
    customer_id: str
    first_name: str | None = "Asha"
    region: str | None = "North"

    def row(self, day: int, line: int) -> dict[str, Any]:
        return {
            **asdict(self),
            "last_name": "Rao",
            "email": f"{self.customer_id}@example.com",
            "signup_date": "2024-02-29",
            "customer_key": hashed(self.customer_id),
            "email_hash": hashlib.sha256(self.customer_id.encode()).hexdigest(),
            "snapshot_date": str(FIRST_DAY + timedelta(days=day)),
            "source_file": f"customers-{day}.csv",
            "line_number": line,
            "run_id": f"run-{day}",
        }


def in_duckdb() -> Run:
    """The same tables and statements in DuckDB itself, hundreds of times as fast: what hypothesis needs."""
    duck = duckdb.connect()
    for schema in ("RAW", "DW", "CURATED"):
        duck.execute(f"CREATE SCHEMA {schema}")

    def run(sql: str) -> list[tuple[Any, ...]]:
        return [row for part in _translated(sql) for row in duck.execute(part).fetchall()]

    run((MIGRATIONS / "V0013__marketing.sql").read_text())
    return run


@cache
def _translated(sql: str) -> list[str]:
    """DuckDB's temporary tables have no schema, so here they last."""
    if sql.startswith("INSERT INTO CURATED.MARKETING_") and " VALUES " in sql:
        return [sql]
    return sqlglot.transpile(sql.replace("TEMPORARY ", ""), read="snowflake", write="duckdb")


def clear(run: Run) -> None:
    for table in TABLES:
        run(f"DELETE FROM {table}")


def stage_rows(run: Run, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Stage rows without files, which is most of the time of a small load."""
    columns = {staged.EVENTS: staged.EVENT_COLUMNS, staged.CUSTOMERS: staged.CUSTOMER_COLUMNS}[table]
    run(create_text(table, columns))
    if rows:
        values = ", ".join(f"({', '.join(_literal(row[name]) for name in columns)})" for row in rows)
        run(f"INSERT INTO {table} ({', '.join(columns)}) VALUES {values}")


def _literal(value: Any) -> str:
    return "NULL" if value is None else str(value) if isinstance(value, int) else f"'{value}'"


def stage_events(run: Run, delivered: Sequence[Event]) -> None:
    stage_rows(run, staged.EVENTS, [event.row(line) for line, event in enumerate(delivered, start=1)])
    *_, touched = staged.stage_events([])
    run(touched.sql)


def load_events(run: Run, delivered: Sequence[Event]) -> None:
    stage_events(run, delivered)
    for statement in events.merge_events():
        run(statement.sql)


def stage_customers(run: Run, day: int, customers: Sequence[Customer]) -> None:
    rows = [customer.row(day, line) for line, customer in enumerate(customers, start=1)]
    stage_rows(run, staged.CUSTOMERS, rows)


def load_customers(run: Run, day: int, customers: Sequence[Customer]) -> None:
    stage_customers(run, day, customers)
    for statement in profiles.merge_snapshot():
        run(statement.sql)


def session_id(user: str, first: datetime) -> str:
    microseconds = (first - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    return hashlib.sha256(f"{microseconds} {user}".encode()).hexdigest()


def expected_facts(delivered: Iterable[Event]) -> set[tuple[Any, ...]]:
    """The events that stand, with their sessions, from all events ever delivered."""
    standing: dict[str, Event] = {}
    for event in sorted(delivered, key=lambda e: (e.day, e.content_hash)):
        standing[event.event_id] = event
    begun: dict[str, datetime] = {}
    with_user = [event for event in standing.values() if event.user_id is not None]
    by_user = sorted(with_user, key=lambda e: (str(e.user_id), e.at))
    for _, group in groupby(by_user, key=lambda e: e.user_id):
        first, *others = group
        begun[first.event_id] = first.at
        for earlier, event in pairwise([first, *others]):
            joins = event.at - earlier.at <= timedelta(minutes=30)
            begun[event.event_id] = begun[earlier.event_id] if joins else event.at
    return {
        (
            event.event_id,
            event.user_id,
            event.user_id and hashed(event.user_id),
            event.user_id and session_id(event.user_id, begun[event.event_id]),
            event.page,
            event.at,
            event.at.date() < FIRST_DAY + timedelta(days=event.day),
        )
        for event in standing.values()
    }


def facts(run: Run) -> set[tuple[Any, ...]]:
    found = run(
        "SELECT event_id, user_id, customer_key, session_id, page_url, event_timestamp, is_late"
        " FROM DW.FACT_CLICK_EVENTS"
    )
    assert len(found) == len(set(found))
    return set(found)


def expected_profiles(snapshots: Mapping[int, Sequence[Customer]]) -> set[tuple[Any, ...]]:
    """From the content of each day's snapshot: the first line of a customer who is there twice."""
    known: dict[str, tuple[Customer, int]] = {}
    for day, customers in sorted(snapshots.items()):
        known |= {customer.customer_id: (customer, day) for customer in reversed(customers)}
    return {
        (
            customer.customer_id,
            hashed(customer.customer_id),
            customer.first_name,
            customer.region,
            day == max(snapshots),
            FIRST_DAY + timedelta(days=day),
        )
        for customer, day in known.values()
    }


def shown_profiles(run: Run) -> set[tuple[Any, ...]]:
    found = run(
        "SELECT customer_id, customer_key, first_name, region, is_active, snapshot_date FROM DW.DIM_CUSTOMER_PROFILE"
    )
    assert len(found) == len(set(found))
    return set(found)
