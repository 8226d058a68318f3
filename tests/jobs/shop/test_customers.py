"""The history of customers: a function of the set of versions in bronze, whatever the order in which they came."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import Any

import pytest
from pyspark.sql import SparkSession

from contracts.shop.customers import CUSTOMERS
from contracts.shop.dim_customers import DIM_CUSTOMERS
from jobs.glue.shop.customers import TRACKED, dim_customers
from jobs.glue.shop.history import history
from jobs.glue.shop.versions import versions
from tests.jobs.shop.bronze_frames import bronze
from tests.jobs.shop.customer_world import (
    OPEN_END,
    Period,
    Row,
    any_rows,
    at,
    digest,
    micros,
    periods,
    surrogate,
    tombstone,
    version,
)
from tests.jobs.shop.dimension_oracle import HISTORY, asked

pytestmark = pytest.mark.spark

HOURS = "unix_micros({0}) DIV 1000000 - 1767225600"


def found(spark: SparkSession, rows: Iterable[Row]) -> set[Period]:
    """The history as Spark computes it. Times as microseconds, because Python's cannot be collected at either end."""
    told = history(versions(bronze(spark, CUSTOMERS, rows), CUSTOMERS), CUSTOMERS.key, TRACKED).selectExpr(
        "customer_id",
        "unix_micros(effective_at) AS begins",
        "unix_micros(expired_at) AS ends",
        "unix_micros(updated_at) AS updated",
        *(f"unix_micros({name}) AS {name}" if name == "created_at" else name for name in TRACKED),
    )
    return {
        (row["customer_id"], row["begins"], row["ends"], row["updated"], *(row[name] for name in TRACKED))  # type: ignore[misc]
        for row in told.collect()
    }


def expected(rows: Iterable[Row]) -> set[Any]:
    def plain(value: Any) -> Any:
        return micros(value) if isinstance(value, datetime) else value

    return {
        (
            p.customer_id,
            plain(p.effective_at),
            plain(p.expired_at),
            plain(p.updated_at),
            *map(plain, p.content),
        )
        for p in periods(rows)
    }


CASES: dict[str, tuple[Sequence[Row], list[tuple[float, float | None, str]]]] = {
    "one version": ([version("", 1)], [(1, None, "Asha")]),
    "two versions": (
        [version("", 1), version("", 3, first_name="Bina")],
        [(1, 3, "Asha"), (3, None, "Bina")],
    ),
    "a version that changes nothing": ([version("", 1), version("", 3)], [(1, None, "Asha")]),
    "a late version goes between": (
        [version("", 1), version("", 3, first_name="Bina"), version("", 2, 9, first_name="Chitra")],
        [(1, 2, "Asha"), (2, 3, "Chitra"), (3, None, "Bina")],
    ),
    "a late version splits a row of equal neighbours": (
        [version("", 1), version("", 3), version("", 2, 9, first_name="Bina")],
        [(1, 2, "Asha"), (2, 3, "Bina"), (3, None, "Asha")],
    ),
    "a late version that is older than all": (
        [version("", 2), version("", 1, 9, first_name="Bina")],
        [(1, 2, "Bina"), (2, None, "Asha")],
    ),
    "a late version that moves a begin back": ([version("", 2), version("", 1, 9)], [(1, None, "Asha")]),
    "a repeat": ([version("", 1), version("", 1, 5)], [(1, None, "Asha")]),
    "equal times: what was extracted later": (
        [version("", 1, 3, first_name="Bina"), version("", 1, 2)],
        [(1, None, "Bina")],
    ),
    "deleted softly": ([version("", 1), version("", 4, is_deleted=True)], [(1, 4, "Asha")]),
    "deleted and back with the same content": (
        [version("", 1), version("", 4, is_deleted=True), version("", 6)],
        [(1, 4, "Asha"), (6, None, "Asha")],
    ),
    "deleted from the first": ([version("", 1, is_deleted=True), version("", 2)], [(2, None, "Asha")]),
    "deleted twice": (
        [version("", 1), version("", 4, is_deleted=True), version("", 5, is_deleted=True)],
        [(1, 4, "Asha")],
    ),
    "a tombstone": ([version("", 1), tombstone("", 4)], [(1, 4, "Asha")]),
    "a tombstone of the same time": ([version("", 4, 1), tombstone("", 4)], []),
    "a version after a tombstone": (
        [version("", 1), tombstone("", 4), version("", 6)],
        [(1, 4, "Asha"), (6, None, "Asha")],
    ),
    "found again with an older time": (
        [version("", 1), tombstone("", 4), version("", 1, 7)],
        [(1, 4, "Asha"), (7, None, "Asha")],
    ),
    "without a time: dated by its creation": ([version("", None, 5)], [(0, None, "Asha")]),
}


def test_the_history_of_each_case(spark: SparkSession) -> None:
    rows = [{**row, "customer_id": case} for case, (given, _) in CASES.items() for row in given]
    told = dim_customers(bronze(spark, CUSTOMERS, rows)).selectExpr(
        "customer_id",
        f"({HOURS.format('effective_at')}) / 3600D AS f",
        f"({HOURS.format('expired_at')}) / 3600D AS t",
        "full_name",
    )
    histories: dict[str, list[tuple[float, float | None, str]]] = {case: [] for case in CASES}
    for row in told.orderBy("customer_id", "f").collect():
        until = None if row["t"] > 1_000_000 else row["t"]
        histories[row["customer_id"]].append((row["f"], until, row["full_name"].split()[0]))
    assert histories == {case: wanted for case, (_, wanted) in CASES.items()}


def test_any_history_in_any_order_with_repeats_is_as_walking_through_it(spark: SparkSession) -> None:
    rows = any_rows(400, seed=3)
    wanted = expected(rows)
    assert len(wanted) > 500
    assert found(spark, rows) == wanted
    assert found(spark, [*reversed(rows), *rows[::3]]) == wanted
    in_duckdb = asked(CUSTOMERS, rows, digest, TRACKED, HISTORY)
    assert {period[:3] for period in wanted} == {period[:3] for period in in_duckdb}


def test_the_rows_of_a_customer_do_not_overlap_and_one_is_current(spark: SparkSession) -> None:
    rows = any_rows(300, seed=8)
    told = dim_customers(bronze(spark, CUSTOMERS, rows)).selectExpr(
        "customer_id",
        "unix_micros(effective_at) AS f",
        "unix_micros(expired_at) AS t",
        "is_current",
        "customer_key",
        "customer_version_key",
    )
    by_customer: dict[str, list[Any]] = {}
    for row in told.orderBy("customer_id", "f").collect():
        by_customer.setdefault(row["customer_id"], []).append(row)
        assert row["customer_key"] == surrogate(row["customer_id"])
        assert row["customer_version_key"] == surrogate(f"{row['customer_id']}|{row['f']}")
    gone = {row["customer_id"] for row in rows} - {
        p.customer_id for p in periods(rows) if p.expired_at == OPEN_END
    }
    for customer, found_rows in by_customer.items():
        assert all(one["f"] < one["t"] <= other["f"] for one, other in pairwise(found_rows))
        assert sum(row["is_current"] for row in found_rows) == (customer not in gone)
    assert len(gone) > 20


def test_what_is_cleaned(spark: SparkSession) -> None:
    rows = [
        version("good", 1),
        version("foreign", 1, phone="(415) 555-2671", country=" us ", state=" ca"),
        version(
            "bad",
            1,
            first_name="  Asha \t Devi ",
            last_name=" ",
            email=" ASHA@Example.COM ",
            phone="12",
            zip_code=None,
        ),
        version(
            "none", 1, first_name=None, last_name=None, email="asha@example", phone=None, created_at=at(2)
        ),
    ]
    told = dim_customers(bronze(spark, CUSTOMERS, rows))
    assert told.columns == list(DIM_CUSTOMERS.names)
    by_id = {row["customer_id"]: row for row in told.drop("expired_at", "expiration_date").collect()}
    good, foreign, bad, none = (by_id[name] for name in ("good", "foreign", "bad", "none"))
    assert (good["full_name"], good["phone_normalized"], good["data_quality_score"]) == (
        "Asha Rao",
        "+919876543210",
        1.0,
    )
    assert tuple(good["address_standardized"]) == ("1 Hill Road", "Pune", "MH", "411001", "IN")
    assert (foreign["phone_normalized"], foreign["address_standardized"]["state"]) == ("+14155552671", "CA")
    assert foreign["address_standardized"]["country"] == "US"
    assert (bad["full_name"], bad["email_normalized"], bad["phone_normalized"]) == (
        "Asha Devi",
        "asha@example.com",
        None,
    )
    assert bad["data_quality_score"] == pytest.approx(0.4)
    assert (none["full_name"], none["email_normalized"], none["data_quality_score"]) == (
        None,
        None,
        pytest.approx(0.2),
    )
    assert (good["created_date"], good["last_updated_date"], good["effective_date"]) == (
        date(2026, 1, 1),
    ) * 3
