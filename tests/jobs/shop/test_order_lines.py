"""Order lines: each live one in exactly one table, with the version of its customer that was valid at its order's time."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from contracts.dialects.spark_types import spark_type_of
from contracts.language.dataset import Dataset
from contracts.shop.fact_orders import FACT_ORDERS
from contracts.shop.pending_orders import PENDING_ORDERS
from jobs.glue.shop.order_lines import fact_orders, order_lines, pending_orders
from tests.jobs.shop.order_world import (
    Row,
    World,
    customer,
    gone,
    hour,
    item,
    order,
    product,
    random_world,
    second,
)

pytestmark = pytest.mark.spark


def computed(spark: SparkSession, world: World, folder: Path) -> dict[str, list[Row]]:
    frames = world.frames(spark, folder)
    lines = order_lines(**frames)
    lines.write.parquet(str(folder / "lines"))
    lines = spark.read.parquet(str(folder / "lines"))
    for name, rows in (("facts", fact_orders(lines)), ("pending", pending_orders(lines))):
        rows.write.parquet(str(folder / name))
    keys = [("order_id", "ascending"), ("line_number", "ascending")]
    return {
        name: pq.read_table(folder / name).sort_by(keys).to_pylist() for name in ("lines", "facts", "pending")
    }


def test_an_independent_engine_finds_the_same(spark: SparkSession, tmp_path: Path) -> None:
    world = random_world(seed=15, orders=500)
    shuffle = random.Random(15).shuffle
    for rows in (world.orders, world.items, world.customers, world.products):
        shuffle(rows)

    found = computed(spark, world, tmp_path)

    expected = {name: rows.to_pylist() for name, rows in world.expected().items()}
    assert found["facts"] == expected["facts"]
    assert found["pending"] == expected["pending"]
    assert len(found["facts"]) > 150
    reasons = Counter(row["reason"] for row in found["pending"])
    assert min(reasons[reason] for reason in ("order", "customer", "product")) > 20
    keys = [(row["order_id"], row["line_number"]) for row in [*found["facts"], *found["pending"]]]
    assert len(set(keys)) == len(keys) == len(found["lines"])
    assert set(keys) == live(world)


def live(world: World) -> set[tuple[str, int]]:
    """The lines that are not deleted, of orders that are not deleted or not known."""
    deleted = {key for key, rows in by_key(world.orders, "order_id").items() if is_gone(rows)}
    lines = by_key(world.items, "order_id", "line_number")
    return {key for key, rows in lines.items() if not is_gone(rows) and key[:1] not in deleted}


def by_key(rows: list[Row], *key: str) -> dict[Any, list[Row]]:
    found: dict[Any, list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in key), []).append(row)
    return found


def is_gone(rows: list[Row]) -> bool:
    def place(row: Row) -> Any:
        written = row["updated_at"] or row["created_at"] or datetime(1, 1, 1, tzinfo=UTC)
        was_gone = not row["is_tombstone"] and any(
            other["updated_at"] >= written and other["extraction_timestamp"] < row["extraction_timestamp"]
            for other in rows
            if other["is_tombstone"]
        )
        dated = row["extraction_timestamp"] if was_gone else written
        return dated, row["is_tombstone"], row["extraction_timestamp"]

    newest = max(rows, key=place)
    return newest["is_tombstone"] or bool(newest["is_deleted"])


# C1 lives in CA from hour 10, in NY from hour 40 to 60, nowhere until hour 80, and in TX from then to hour 90.
CUSTOMERS = [
    customer(1, hour(10), "CA", until=hour(40)),
    customer(1, hour(40), "NY", until=hour(60)),
    customer(1, hour(80), "TX", until=hour(90)),
    customer(2, hour(20), None),
]
PRODUCTS = [product(1, "tea"), product(2, None)]
BIG = Decimal("999999999999.99")
CA, NY, TX, NOWHERE = ({"customer_version_key": row["customer_version_key"], "region": row["address_standardized"]["state"]}
                       for row in CUSTOMERS)  # fmt: skip
NOT_THERE: None = None


def one(**line: Any) -> list[Row]:
    """The line 1 of an order with nothing special, except what is said."""
    return [
        item(
            "", 1, line.pop("product_id", "P1"), line.pop("updated_at", hour(5)), line.pop("seen", 1), **line
        )
    ]


def at(moment: datetime | None) -> list[Row]:
    return [order("", "C1", hour(5), 1, order_ts=moment)]


PAID = [order("", "C1", hour(5), 1)]
DELETED = {"is_deleted": True}
CASES: dict[str, tuple[list[Row], list[Row], Row | None]] = {
    "ordered before the first version": (at(hour(9.9)), one(), CA),
    "ordered when the first version begins": (at(hour(10)), one(), CA),
    "ordered a moment before a version": (at(hour(39.999)), one(), CA),
    "ordered when a version begins": (at(hour(40)), one(), NY | {"order_ts": hour(40)}),
    "ordered in a gap": (at(hour(70)), one(), NY),
    "ordered when a version ends": (at(hour(60)), one(), NY),
    "ordered after the end": (at(hour(99)), one(), TX),
    "ordered at no known time": (at(None), one(), CA | {"order_ts": None, "order_date": None}),
    "ordered at the end of a day": (
        at(datetime(2025, 12, 2, 23, 59, 59, tzinfo=UTC)), one(), CA | {"order_date": date(2025, 12, 2)}
    ),
    "a customer without a state": ([order("", "C2", hour(5), 1)], one(), NOWHERE),
    "a product without a category": (
        PAID, one(product_id="P2"), {"category": None, "product_key": PRODUCTS[1]["product_key"]}
    ),
    "the greatest amount": (
        PAID, one(unit_price=BIG, discount=Decimal("0.01"), line_amount=BIG),
        {"unit_price": BIG, "discount": Decimal("0.01"), "line_amount": BIG},
    ),
    "no amounts": (
        PAID, one(quantity=None, unit_price=None, discount=None, line_amount=None),
        {"quantity": None, "unit_price": None, "discount": None, "line_amount": None},
    ),
    "no order": ([], one(), {"reason": "order", "customer_id": None, "product_id": "P1", "waiting_since": hour(5)}),
    "no order, no product": ([], one(product_id="P9"), {"reason": "order", "product_id": "P9"}),
    "an unknown customer": ([order("", "C9", hour(5), 1)], one(), {"reason": "customer", "customer_id": "C9"}),
    "no customer": ([order("", None, hour(5), 1)], one(), {"reason": "customer", "customer_id": None}),
    "an unknown product": (
        PAID, one(product_id="P9", updated_at=hour(7)),
        {"reason": "product", "customer_id": "C1", "product_id": "P9", "waiting_since": hour(7)},
    ),
    "no product": (PAID, one(product_id=None), {"reason": "product", "product_id": None}),
    "neither customer nor product": (
        [order("", "C9", hour(5), 1)], one(product_id="P9"), {"reason": "customer", "product_id": "P9"}
    ),
    "a deleted line": (PAID, one(**DELETED), NOT_THERE),
    "a deleted line without an order": ([], one(**DELETED), NOT_THERE),
    "a deleted order": ([order("", "C1", hour(5), 1, **DELETED)], one(), NOT_THERE),
    "a deleted order of an unknown customer": ([order("", "C9", hour(5), 1, **DELETED)], one(product_id="P9"), NOT_THERE),
    "a line found gone": (PAID, [*one(), gone({"order_id": "", "line_number": 1}, hour(5), 2)], NOT_THERE),
    "an order found gone": ([*PAID, gone({"order_id": ""}, hour(6), 2)], one(), NOT_THERE),
    "an order only known to be gone": ([gone({"order_id": ""}, hour(6), 2)], one(), NOT_THERE),
    "a line found again": (
        PAID, [*one(), gone({"order_id": "", "line_number": 1}, hour(8), 2), *one(seen=3)], {"quantity": 2}
    ),
    "an order found again": ([*PAID, gone({"order_id": ""}, hour(8), 2), order("", "C1", hour(5), 3)], one(), NY),
    "a line deleted and undeleted": (
        PAID, [*one(), *one(updated_at=hour(6), seen=2, **DELETED), *one(updated_at=hour(7), seen=3, quantity=4)],
        {"quantity": 4},
    ),
    "an order deleted and undeleted": (
        [*PAID, order("", "C1", hour(6), 2, **DELETED), order("", "C1", hour(7), 3, status="shipped")], one(),
        {"status": "shipped"},
    ),
    "a deletion that comes late": (
        [order("", "C1", hour(7), 1), order("", "C1", hour(6), 2, **DELETED)], one(), NY
    ),
    "an order that changed hands": ([*PAID, order("", "C2", hour(6), 2)], one(), NOWHERE),
    "an order that changed hands to nobody known": (
        [*PAID, order("", "C9", hour(6), 2)], one(), {"reason": "customer", "customer_id": "C9"}
    ),
    "a version that comes late": ([order("", "C2", hour(6), 1), order("", "C1", hour(5), 2)], one(), NOWHERE),
    "versions of the same time": (
        PAID, [*one(quantity=3, seen=2), *one(quantity=4, seen=1)], {"quantity": 3}
    ),
    "versions without a time": (
        PAID,
        [*one(quantity=3, updated_at=None, created_at=None, seen=2), *one(quantity=4, updated_at=None, created_at=hour(0))],
        {"quantity": 4},
    ),
    "everything twice": ([*PAID, *PAID], [*one(), *one(), *one(seen=9)], NY),
}  # fmt: skip


@pytest.fixture(scope="module")
def cases(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    """What became of each case, all computed at once."""
    world = World(customers=CUSTOMERS, products=PRODUCTS)
    for name, (orders, items, _) in CASES.items():
        world.orders += [row | {"order_id": name} for row in orders]
        world.items += [row | {"order_id": name} for row in items]
    rows = computed(spark, world, tmp_path_factory.mktemp("cases"))
    found: dict[str, list[Row]] = {name: [] for name in CASES}
    for row in [*rows["facts"], *rows["pending"]]:
        found[row["order_id"]].append(row)
    return found


@pytest.mark.parametrize("case", CASES)
def test_case(cases: dict[str, list[Row]], case: str) -> None:
    expected = CASES[case][2]

    if expected is None:
        assert cases[case] == []
    else:
        (row,) = cases[case]
        assert {name: row.get(name, "absent") for name in expected} == expected
        assert ("reason" in row) == ("reason" in expected)


def test_a_row_is_whole(cases: dict[str, list[Row]]) -> None:
    assert cases["an order found again"] == [
        {
            "order_id": "an order found again", "line_number": 1, "customer_key": CUSTOMERS[1]["customer_key"],
            "customer_version_key": CUSTOMERS[1]["customer_version_key"], "product_key": PRODUCTS[0]["product_key"],
            "order_ts": hour(50), "order_date": date(2025, 12, 4), "status": "paid", "region": "NY", "category": "tea",
            "quantity": 2, "unit_price": Decimal("10.10"), "discount": Decimal("0.20"),
            "line_amount": Decimal("20.00"), "currency": "EUR",
        }
    ]  # fmt: skip
    assert cases["an unknown product"] == [
        {
            "order_id": "an unknown product", "line_number": 1, "customer_id": "C1", "product_id": "P9",
            "reason": "product", "quantity": 2, "unit_price": Decimal("10.10"), "discount": Decimal("0.20"),
            "line_amount": Decimal("20.00"), "waiting_since": hour(7),
        }
    ]  # fmt: skip


def test_a_line_found_again_waits_since_then(spark: SparkSession, tmp_path: Path) -> None:
    found = [item("O", 1, "P1", hour(5), 1), gone({"order_id": "O", "line_number": 1}, hour(8), 2)]
    world = World(items=[*found, item("O", 1, "P1", hour(5), 3)], customers=CUSTOMERS, products=PRODUCTS)

    (row,) = computed(spark, world, tmp_path)["pending"]

    assert (row["reason"], row["waiting_since"]) == ("order", second(3))


def test_the_tables_are_as_their_contracts_say(spark: SparkSession, tmp_path: Path) -> None:
    world = World(PAID, one(), CUSTOMERS, PRODUCTS)
    lines = order_lines(**world.frames(spark, tmp_path))

    def kinds(dataset: Dataset) -> list[tuple[str, str]]:
        return [(column.name, spark_type_of(column.kind)) for column in dataset.columns]

    assert fact_orders(lines).dtypes == kinds(FACT_ORDERS)
    assert pending_orders(lines).dtypes == kinds(PENDING_ORDERS)
