"""Marketing engagement as a test sees it: deliver, run, and what DuckDB makes of all deliveries at once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from typing import Any

import duckdb
from prefect.client.schemas.objects import State

from flows.marketing_engagement import marketing_engagement
from local import resources
from local.sample.marketing import Upload
from local.sample.marketing.people import Customer
from tasks.hashes import keyed_hash, surrogate_key
from tasks.services import aws
from tests.e2e.world import World

BUCKET = "highwater-lake"
TABLES = (
    "RAW.RAW_CUSTOMER_DEMOGRAPHICS",
    "RAW.RAW_CLICKSTREAM_EVENTS",
    "DW.DIM_CUSTOMER_PROFILE",
    "DW.FACT_CLICK_EVENTS",
    "RAW.QUARANTINED_ROWS",
    "MONITORING.RUN_STEPS",
)
PROFILES = (
    "customer_id, customer_key, first_name, last_name, email, email_hash, region, signup_date, is_active,"
    " snapshot_date"
)
FACTS = (
    "event_id, user_id, customer_key, session_id, event_type, page_url, event_timestamp, duration_ms, is_late"
)
_ORDERED = "SELECT {columns} FROM {table} ORDER BY 1"


def empty(world: World) -> None:
    for name in TABLES:
        world.sql(f"DELETE FROM {name}")


def deliver(uploads: Sequence[Upload], *days: date) -> None:
    for upload in uploads:
        if upload.day in days:
            aws.s3().put_object(Bucket=BUCKET, Key=upload.key, Body=upload.body)


def run(day: date | None = None, build_marts: bool = False, **how: Any) -> State[Any]:
    return marketing_engagement(run_date=day, build_marts=build_marts, **how, return_state=True)  # type: ignore[call-overload,no-any-return]


def shown(world: World, table: str, columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in world.sql(_ORDERED.format(columns=columns, table=table))]


def state(world: World) -> dict[str, list[tuple[Any, ...]]]:
    """The tables that do not depend on the order of the days."""
    return {
        "profiles": shown(world, "DW.DIM_CUSTOMER_PROFILE", PROFILES),
        "facts": shown(
            world, "DW.FACT_CLICK_EVENTS", f"{FACTS}, properties, content_hash, source_date, source_file"
        ),
    }


def _session_id(micros: int, user: str) -> str:
    return hashlib.sha256(f"{micros} {user}".encode()).hexdigest()


def computed(uploads: Sequence[Upload]) -> dict[str, list[tuple[Any, ...]]]:
    """Profiles and facts of all deliveries, by DuckDB's own SQL over the generator's records."""
    duck = duckdb.connect()
    duck.execute(
        "CREATE TABLE customers (id VARCHAR, first VARCHAR, last VARCHAR, email VARCHAR, region VARCHAR, signup DATE,"
        " day DATE)"
    )
    duck.execute(
        "CREATE TABLE events (id VARCHAR, usr VARCHAR, type VARCHAR, page VARCHAR, ms BIGINT, happened TIMESTAMP, day DATE,"
        " hash VARCHAR)"
    )
    for upload in uploads:
        for row in upload.rows:
            if isinstance(row, Customer):
                told = (
                    row.customer_id,
                    row.first_name,
                    row.last_name,
                    row.email,
                    row.region,
                    row.signup_date,
                )
                duck.execute("INSERT INTO customers VALUES (?, ?, ?, ?, ?, ?, ?)", (*told, upload.day))
            else:
                digest = hashlib.sha256(row.canonical().encode()).hexdigest()
                at = row.at.replace(tzinfo=None)
                values = (row.event_id, row.user_id, row.event_type, row.page_url, row.duration_ms, at)
                duck.execute(
                    "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*values, upload.day, digest)
                )
    return {"profiles": _profiles(duck), "facts": _facts(duck)}


def _profiles(duck: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    key = resources.HASH_KEY_SECRET.text.encode()
    found = duck.execute(
        "SELECT id, arg_max(first, day), arg_max(last, day), any_value(email), max_by(coalesce(region, ''), day),"
        " arg_max(signup, day), max(day) = (SELECT max(day) FROM customers), max(day) FROM customers GROUP BY id ORDER BY id"
    ).fetchall()
    return [
        (
            id_,
            surrogate_key(id_),
            first,
            last,
            email,
            email and keyed_hash(email, key),
            region or None,
            signup,
            active,
            day,
        )
        for id_, first, last, email, region, signup, active, day in found
    ]


def _facts(duck: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    found = duck.execute(
        """WITH standing AS (
            SELECT * FROM events QUALIFY row_number() OVER (PARTITION BY id ORDER BY day DESC, hash DESC) = 1
        ), marked AS (
            SELECT *, coalesce(happened - lag(happened) OVER visits > INTERVAL 30 MINUTES, true)::INT AS begins
            FROM standing WINDOW visits AS (PARTITION BY usr ORDER BY happened, id)
        ), numbered AS (
            SELECT *, sum(begins) OVER (PARTITION BY usr ORDER BY happened, id) AS number FROM marked
        )
        SELECT id, usr, epoch_us(min(happened) OVER (PARTITION BY usr, number)), type, page, happened, ms,
            happened::DATE < day
        FROM numbered ORDER BY id"""
    ).fetchall()
    return [
        (id_, user, user and surrogate_key(user), user and _session_id(micros, user), *rest)
        for id_, user, micros, *rest in found
    ]


def put(key: str, body: bytes) -> None:
    aws.s3().put_object(Bucket=BUCKET, Key=key, Body=body)


def remove(key: str) -> None:
    aws.s3().delete_object(Bucket=BUCKET, Key=key)
