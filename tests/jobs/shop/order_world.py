"""A small shop with everything that can happen to an order line, and its two tables computed by DuckDB.

Versions come late, twice, with equal times and without any; orders, lines and customers are unknown, deleted, found gone
and found again. Few moments and few customers make all of it meet.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from jobs.glue import session

Row = dict[str, Any]
START = datetime(2026, 1, 1, tzinfo=UTC)
"""Before it lies what the source dates, a few hours of it; extraction begins with it and takes a second a row."""
NAMES = ("orders", "items", "customers", "products")
_AT = pa.timestamp("us", tz="UTC")
_MONEY = pa.decimal128(14, 2)
_STAMPS = [("is_deleted", pa.bool_()), ("created_at", _AT), ("updated_at", _AT)]
_OF_BRONZE = [("extraction_timestamp", _AT), ("source_system", pa.string()), ("window_id", pa.string()),
              ("run_id", pa.string()), ("query_hash", pa.string()), ("is_tombstone", pa.bool_())]  # fmt: skip
SCHEMAS = {
    "orders": pa.schema(
        [("order_id", pa.string()), ("customer_id", pa.string()), ("order_ts", _AT), ("status", pa.string()),
         ("currency", pa.string()), *_STAMPS, *_OF_BRONZE]
    ),
    "items": pa.schema(
        [("order_id", pa.string()), ("line_number", pa.int64()), ("product_id", pa.string()), ("quantity", pa.int64()),
         ("unit_price", _MONEY), ("discount", _MONEY), ("line_amount", _MONEY), *_STAMPS, *_OF_BRONZE]
    ),
    "customers": pa.schema(
        [("customer_key", pa.int64()), ("customer_version_key", pa.int64()), ("customer_id", pa.string()),
         ("address_standardized", pa.struct([("street", pa.string()), ("state", pa.string())])),
         ("effective_at", _AT), ("expired_at", _AT)]
    ),
    "products": pa.schema(
        [("product_key", pa.int64()), ("product_id", pa.string()), ("category", pa.string())]
    ),
    "facts": pa.schema(
        [("order_id", pa.string()), ("line_number", pa.int64()), ("customer_key", pa.int64()),
         ("customer_version_key", pa.int64()), ("product_key", pa.int64()), ("order_ts", _AT),
         ("order_date", pa.date32()), ("status", pa.string()), ("region", pa.string()), ("category", pa.string()),
         ("quantity", pa.int64()), ("unit_price", _MONEY), ("discount", _MONEY), ("line_amount", _MONEY),
         ("currency", pa.string())]
    ),
    "pending": pa.schema(
        [("order_id", pa.string()), ("line_number", pa.int64()), ("customer_id", pa.string()),
         ("product_id", pa.string()), ("reason", pa.string()), ("quantity", pa.int64()), ("unit_price", _MONEY),
         ("discount", _MONEY), ("line_amount", _MONEY), ("waiting_since", _AT)]
    ),
}  # fmt: skip


def hour(number: float) -> datetime:
    """A moment that the source may write: hour 100 is long before the first extraction."""
    return START - timedelta(days=30) + timedelta(hours=number)


def second(number: float) -> datetime:
    """A moment of extraction."""
    return START + timedelta(seconds=number)


def order(
    order_id: str, customer_id: str | None, updated_at: datetime | None, seen: float, **more: Any
) -> Row:
    return {
        "order_id": order_id, "customer_id": customer_id, "order_ts": hour(50), "status": "paid", "currency": "EUR",
        "is_deleted": False, "created_at": hour(1), "updated_at": updated_at, "extraction_timestamp": second(seen),
        "is_tombstone": False, **more,
    }  # fmt: skip


def item(
    order_id: str, line: int, product_id: str | None, updated_at: datetime | None, seen: float, **more: Any
) -> Row:
    return {
        "order_id": order_id, "line_number": line, "product_id": product_id, "quantity": 2,
        "unit_price": Decimal("10.10"), "discount": Decimal("0.20"), "line_amount": Decimal("20.00"),
        "is_deleted": False, "created_at": hour(1), "updated_at": updated_at, "extraction_timestamp": second(seen),
        "is_tombstone": False, **more,
    }  # fmt: skip


def gone(key: Row, updated_at: datetime, seen: float) -> Row:
    """A tombstone."""
    return {**key, "updated_at": updated_at, "extraction_timestamp": second(seen), "is_tombstone": True}


def customer(number: int, since: datetime, state: str | None, until: datetime | None = None) -> Row:
    """A row of dim_customers. Neither key is in the order of anything, as hashes are not."""
    hours = int((since - hour(0)).total_seconds() // 3600)
    return {
        "customer_key": _key(number), "customer_version_key": _key(number * 1000 + hours), "customer_id": f"C{number}",
        "address_standardized": {"street": "1 High St", "state": state},
        "effective_at": since, "expired_at": until or datetime(9999, 12, 31, tzinfo=UTC),
    }  # fmt: skip


def product(number: int, category: str | None) -> Row:
    return {"product_key": _key(number + 7_000_000), "product_id": f"P{number}", "category": category}


def _key(number: int) -> int:
    return random.Random(number).getrandbits(63)


@dataclass
class World:
    """What bronze has, in the order in which it came, and the two dimensions."""

    orders: list[Row] = field(default_factory=list)
    items: list[Row] = field(default_factory=list)
    customers: list[Row] = field(default_factory=list)
    products: list[Row] = field(default_factory=list)

    def table(self, name: str) -> pa.Table:
        return table(getattr(self, name), name)

    def frames(self, spark: SparkSession, folder: Path) -> dict[str, DataFrame]:
        return {name: frame(spark, self.table(name), folder / f"{name}.parquet") for name in NAMES}

    def expected(self) -> dict[str, pa.Table]:
        """facts and pending, by DuckDB."""
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            for name in NAMES:
                connection.register(name, self.table(name))
            connection.execute(_LINES)
            tables = {"facts": _FACTS, "pending": _PENDING}
            return {
                name: connection.sql(query).to_arrow_table().cast(SCHEMAS[name])
                for name, query in tables.items()
            }


def table(rows: Iterable[Row], name: str) -> pa.Table:
    return pa.Table.from_pylist(list(rows), SCHEMAS[name])


def frame(spark: SparkSession, rows: pa.Table, path: Path) -> DataFrame:
    session.configure(spark)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, path)
    return spark.read.parquet(str(path))


def random_world(seed: int, orders: int) -> World:
    """The rows of bronze in the order of their keys; a caller shuffles them or not."""
    draw = random.Random(seed)
    world = World(customers=_customers(draw), products=_products(draw))
    clock = iter(range(10**6))
    for number in range(orders):
        key = {"order_id": f"O{number:04}"}
        versions = draw.choice([0, 1, 1, 2, 3])
        world.orders += _history(draw, clock, key, _order_content, versions)
        for line in range(1, draw.choice([1, 2, 3, 4])):
            versions = draw.choice([1, 1, 2, 3])
            world.items += _history(draw, clock, key | {"line_number": line}, _item_content, versions)
    return world


def _customers(draw: random.Random) -> list[Row]:
    rows = []
    for number in range(24):
        at = sorted(draw.sample(range(0, 100, 2), draw.choice([1, 1, 2, 3, 8])))
        for place, since in enumerate(at):
            until = (
                at[place + 1] - draw.choice([0, 1]) if place + 1 < len(at) else draw.choice([None, since + 1])
            )
            state = draw.choice(["CA", "NY", "TX", "WA", None])
            rows.append(customer(number, hour(since), state, None if until is None else hour(until)))
    return rows


def _products(draw: random.Random) -> list[Row]:
    return [product(number, draw.choice(["tea", "coffee", "cups", None])) for number in range(12)]


def _order_content(draw: random.Random) -> Row:
    return {
        "customer_id": draw.choice([None, *(f"C{number}" for number in range(30))]),
        "order_ts": draw.choice([None, *map(hour, range(0, 110, 2)), hour(50.5)]),
        "status": draw.choice(["placed", "paid", "cancelled", "returned", None]),
        "currency": draw.choice(["EUR", "USD"]),
    }  # fmt: skip


def _item_content(draw: random.Random) -> Row:
    amounts = {
        name: draw.choice([None, Decimal(draw.randrange(10**6)) / 100, Decimal("999999999999.99")])
        for name in ("unit_price", "discount", "line_amount")
    }
    product_id = draw.choice([None, *(f"P{number}" for number in range(14))])
    return {"product_id": product_id, "quantity": draw.choice([None, 1, 5]), **amounts}


def _history(
    draw: random.Random,
    clock: Iterator[int],
    key: Row,
    content: Callable[[random.Random], Row],
    versions: int,
) -> list[Row]:
    """Versions of a key, some of equal time, some deleted, some repeated, with tombstones between."""
    seen = [next(clock) for _ in range(2 * versions + 2)]
    rows: list[Row] = []
    for place in range(versions):
        stamps = {
            "is_deleted": draw.choices([False, None, True], [6, 1, 2])[0],
            "created_at": draw.choice([None, hour(draw.randrange(4))]),
            "updated_at": draw.choices([hour(draw.randrange(6)), None], [9, 1])[0],
        }
        rows.append(
            {
                **key,
                **content(draw),
                **stamps,
                "extraction_timestamp": second(seen[2 * place]),
                "is_tombstone": False,
            }
        )
        if draw.random() < 0.15:
            found_gone = draw.choice(
                [hour(draw.randrange(6)), second(seen[2 * place + 1]) - timedelta(seconds=1)]
            )
            rows.append(gone(key, found_gone, seen[2 * place + 1]))
    if rows and draw.random() < 0.25:  # again, as an overlap or a replay reads it
        rows.append({**draw.choice(rows), "extraction_timestamp": second(seen[-1])})
    if rows and draw.random() < 0.15:
        rows.append(dict(draw.choice(rows)))
    return rows


def _newest(rows: str, *key: str) -> str:
    """The newest content of each key and whether the key is gone, by the definitions of issue 15."""
    keys, same = ", ".join(key), " AND ".join(f"t.{name} = r.{name}" for name in key)
    return f"""
        WITH written AS (
            SELECT *, coalesce(updated_at, created_at, TIMESTAMPTZ '0001-01-01 00:00:00+00') AS written_at FROM {rows}
        ), dated AS (
            SELECT *, CASE WHEN NOT is_tombstone AND EXISTS (
                FROM written t WHERE {same} AND t.is_tombstone AND t.updated_at >= r.written_at
                    AND t.extraction_timestamp < r.extraction_timestamp
            ) THEN extraction_timestamp ELSE written_at END AS dated_at FROM written r
        ), ranked AS (
            SELECT *, row_number() OVER (PARTITION BY {keys}
                ORDER BY dated_at DESC, is_tombstone DESC, extraction_timestamp DESC) AS place FROM dated
        )
        SELECT c.*, n.gone, n.newest_at
        FROM (FROM ranked QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY is_tombstone, place) = 1) c
        JOIN (SELECT {keys}, is_tombstone OR coalesce(is_deleted, false) AS gone, dated_at AS newest_at
              FROM ranked WHERE place = 1) n USING ({keys})"""


_LINES = f"""
    CREATE TABLE lines AS
    WITH orders AS ({_newest("orders", "order_id")}), items AS ({_newest("items", "order_id", "line_number")}),
    first_version AS (SELECT customer_id, min(effective_at) AS effective_at FROM customers GROUP BY ALL),
    dated_order AS (
        SELECT o.*, (SELECT count(*) FROM customers c WHERE c.customer_id = o.customer_id) > 0 AS has_customer,
            coalesce((SELECT max(effective_at) FROM customers c
                      WHERE c.customer_id = o.customer_id AND c.effective_at <= o.order_ts), f.effective_at) AS as_of
        FROM orders o LEFT JOIN first_version f USING (customer_id)
    )
    SELECT i.order_id, i.line_number, i.product_id, i.quantity, i.unit_price, i.discount, i.line_amount,
        i.newest_at AS waiting_since, o.customer_id, o.order_ts, o.status, o.currency, c.customer_key,
        c.customer_version_key, c.address_standardized.state AS region, p.product_key, p.category,
        CASE WHEN o.order_id IS NULL THEN 'order' WHEN NOT o.has_customer THEN 'customer'
             WHEN p.product_id IS NULL THEN 'product' END AS reason
    FROM items i
    LEFT JOIN dated_order o ON o.order_id = i.order_id
    LEFT JOIN customers c ON c.customer_id = o.customer_id AND c.effective_at = o.as_of
    LEFT JOIN products p ON p.product_id = i.product_id
    WHERE NOT i.gone AND o.gone IS DISTINCT FROM true"""
_FACTS = """
    SELECT order_id, line_number, customer_key, customer_version_key, product_key, order_ts,
        CAST(order_ts AS DATE) AS order_date, status, region, category, quantity, unit_price, discount, line_amount,
        currency
    FROM lines WHERE reason IS NULL ORDER BY order_id, line_number"""
_PENDING = """
    SELECT order_id, line_number, customer_id, product_id, reason, quantity, unit_price, discount, line_amount,
        waiting_since
    FROM lines WHERE reason IS NOT NULL ORDER BY order_id, line_number"""
