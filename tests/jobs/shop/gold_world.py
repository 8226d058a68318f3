"""A made-up silver layer: versions of customers and order lines, with ties, nulls and edges of the day of analysis."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

DAY = date(2026, 3, 1)
MIDNIGHT = datetime.combine(DAY, time())
OPEN = datetime(9999, 12, 31)
Row = dict[str, Any]

FACTS = (
    "order_id string, line_number bigint, customer_key bigint, customer_version_key bigint, product_key bigint, "
    "order_ts timestamp, order_date date, status string, region string, category string, quantity bigint, "
    "unit_price decimal(14,2), discount decimal(14,2), line_amount decimal(14,2), currency string"
)
CUSTOMERS = (
    "customer_key bigint, customer_version_key bigint, customer_id string, full_name string, email_normalized string, "
    "phone_normalized string, "
    "address_standardized struct<street:string,city:string,state:string,zip_code:string,country:string>, "
    "data_quality_score double, is_active boolean, created_date date, last_updated_date date, effective_at timestamp, "
    "expired_at timestamp, effective_date date, expiration_date date, is_current boolean"
)
_MONEY = pa.decimal128(14, 2)
_TEXT, _NUMBER, _MOMENT = pa.string(), pa.int64(), pa.timestamp("us")
_ADDRESS = pa.struct([(part, _TEXT) for part in ("street", "city", "state", "zip_code", "country")])
_ARROW = {
    "string": _TEXT,
    "bigint": _NUMBER,
    "timestamp": _MOMENT,
    "date": pa.date32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "decimal(14,2)": _MONEY,
}


def _arrow(schema: str) -> pa.Schema:
    fields = [field.split(" ", 1) for field in schema.replace("decimal(14,2)", "decimal(14;2)").split(", ")]
    return pa.schema(
        [(name, _ADDRESS if "struct" in kind else _ARROW[kind.replace(";", ",")]) for name, kind in fields]
    )


@dataclass
class World:
    facts: list[Row]
    customers: list[Row]

    def frames(self, spark: SparkSession) -> tuple[DataFrame, DataFrame]:
        def frame(rows: list[Row], schema: str) -> DataFrame:
            names = _arrow(schema).names
            return spark.createDataFrame(
                [tuple(row[name] for name in names) for row in rows], schema
            ).coalesce(2)

        return frame(self.facts, FACTS), frame(self.customers, CUSTOMERS)

    def duck(self) -> duckdb.DuckDBPyConnection:
        """The same rows as tables of DuckDB."""
        connection = duckdb.connect()
        connection.register("facts", pa.Table.from_pylist(self.facts, _arrow(FACTS)))
        connection.register("customers", pa.Table.from_pylist(self.customers, _arrow(CUSTOMERS)))
        return connection


def version(key: int, effective: datetime, expired: datetime = OPEN, **values: Any) -> Row:
    address = {
        "street": "Mill Lane 1",
        "city": "Leeds",
        "state": values.pop("state", "ENG"),
        "zip_code": "LS1",
        "country": values.pop("country", "GB"),
    }
    return {
        "customer_key": key,
        "customer_version_key": key * 1000,
        "customer_id": f"C{key}",
        "full_name": "Asha Rao",
        "email_normalized": "asha@example.com",
        "phone_normalized": "+442079460000",
        "address_standardized": address,
        "data_quality_score": 0.8,
        "is_active": True,
        "created_date": effective.date(),
        "last_updated_date": effective.date(),
        "effective_at": effective,
        "expired_at": expired,
        "effective_date": effective.date(),
        "expiration_date": expired.date(),
        "is_current": expired == OPEN,
        **values,
    }


def line(
    order: str, key: int, at: datetime | None, amount: str | None, number: int = 1, **values: Any
) -> Row:
    return {
        "order_id": order,
        "line_number": number,
        "customer_key": key,
        "customer_version_key": key * 1000,
        "product_key": 7,
        "order_ts": at,
        "order_date": at.date() if at else None,
        "status": "delivered",
        "region": "ENG",
        "category": "Toys",
        "quantity": 1,
        "unit_price": Decimal("1.00"),
        "discount": Decimal("0.00"),
        "line_amount": None if amount is None else Decimal(amount),
        "currency": "GBP",
        **values,
    }


def random_world(seed: int, customers: int = 300) -> World:
    draw = random.Random(seed)
    world = World([], [])
    for key in range(1, customers + 1):
        world.customers += _history(draw, key)
        for number in range(draw.choice((0, 0, 1, 2, 3, 5, 9))):
            world.facts += _order(draw, f"O{key}-{number}", key)
    draw.shuffle(world.facts)
    draw.shuffle(world.customers)
    return world


def _history(draw: random.Random, key: int) -> list[Row]:
    """One to three versions, with gaps, some closed for good, some beginning with the day of analysis or later."""
    at = MIDNIGHT + draw.choice((-900, -400, -90, -1, 0, 5)) * timedelta(days=1)
    at += draw.choice((timedelta(), timedelta(hours=5), -timedelta(microseconds=1)))
    rows = []
    for number in range(draw.randint(1, 3)):
        end = at + draw.choice((timedelta(days=1), timedelta(days=30), timedelta(days=200)))
        rows.append(
            version(
                key,
                at,
                end,
                state=draw.choice(("ENG", "WLS", "MH", None)),
                country=draw.choice(("GB", "IN", None)),
                is_active=draw.choice((True, False, None)),
                created_date=draw.choice((at.date(), None, DAY, DAY - timedelta(days=1000))),
                data_quality_score=draw.choice((0.2, 0.4, 1.0)),
                customer_version_key=key * 1000 + number,
            )
        )
        at = end + draw.choice((timedelta(), timedelta(), timedelta(days=3)))
    if draw.random() < 0.7:
        rows[-1] |= {"expired_at": OPEN, "expiration_date": OPEN.date(), "is_current": True}
    return rows


def _order(draw: random.Random, order: str, key: int) -> list[Row]:
    days = draw.choice((-1, 0, 1, 2, 29, 30, 31, 60, 89, 90, 179, 180, 181, 364, 365, 366, 700, -40))
    at = MIDNIGHT - timedelta(days=days)
    at += draw.choice((timedelta(), timedelta(hours=7, minutes=3), -timedelta(microseconds=1)))
    shared = {
        "status": draw.choice(("placed", "delivered", "delivered", "cancelled", "returned", None)),
        "currency": draw.choice(("GBP", "GBP", "INR", "USD", None)),
        "region": draw.choice(("ENG", "MH", None)),
    }
    when = None if draw.random() < 0.03 else at
    return [
        line(
            order,
            key,
            when,
            draw.choice(("0.00", "10.00", "10.00", "12.34", "0.01", "99.99", "5000.00", None)),
            number,
            category=draw.choice(("Toys", "Books", "Toys", "Garden", None)),
            quantity=draw.choice((1, 2, 7, None)),
            **shared,
        )
        for number in range(1, draw.choice((1, 1, 2, 4)) + 1)
    ]
