"""Computing only the affected orders anew, run after run, leaves the tables that computing everything gives."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from jobs.glue.shop.affected import affected_orders, orders_that_name
from jobs.glue.shop.order_lines import fact_orders, order_lines, pending_orders
from tests.jobs.shop.order_world import (
    SCHEMAS,
    Row,
    World,
    customer,
    frame,
    hour,
    item,
    order,
    product,
    random_world,
    table,
)

pytestmark = pytest.mark.spark

RUNS = 6
RETURNING = ("C3", "C4", "C5")
KEYS = {"orders": ("order_id",), "items": ("order_id", "line_number")}


@dataclass
class Tables:
    """The tables as a run left them, and the world that it saw."""

    facts: pa.Table = field(default_factory=lambda: table([], "facts"))
    pending: pa.Table = field(default_factory=lambda: table([], "pending"))
    seen: World = field(default_factory=World)


def test_run_after_run_is_as_everything_at_once(spark: SparkSession, tmp_path: Path) -> None:
    tables, computed = Tables(), []

    for run, world in enumerate(worlds(seed=7, orders=400)):
        affected = affected_in(spark, tmp_path / f"{run}", tables, world)
        tables = computed_anew(spark, tmp_path / f"{run}", tables, world, affected)
        computed.append(affected)

        expected = world.expected()
        assert tables.facts.to_pylist() == expected["facts"].to_pylist(), f"run {run}"
        assert tables.pending.to_pylist() == expected["pending"].to_pylist(), f"run {run}"

    assert max(map(len, computed[1:])) < 200  # never all again
    assert computed[-1] == set()  # nothing came, nothing changed
    assert tables.facts.num_rows > 100


def computed_anew(
    spark: SparkSession, folder: Path, before: Tables, world: World, affected: set[str]
) -> Tables:
    part = World(
        [row for row in world.orders if row["order_id"] in affected],
        [row for row in world.items if row["order_id"] in affected],
        world.customers,
        world.products,
    )
    lines = order_lines(**part.frames(spark, folder)).coalesce(1).persist()
    fact_orders(lines).write.parquet(str(folder / "facts"))
    pending_orders(lines).write.parquet(str(folder / "pending"))
    lines.unpersist()
    ids = pa.array(sorted(affected), pa.string())

    def after(name: str, rows: pa.Table) -> pa.Table:
        stays = rows.filter(pc.invert(pc.is_in(rows["order_id"], ids)))
        both = pa.concat_tables([stays, pq.read_table(folder / name).cast(SCHEMAS[name])])
        return both.sort_by([("order_id", "ascending"), ("line_number", "ascending")])

    return Tables(after("facts", before.facts), after("pending", before.pending), world)


def affected_in(spark: SparkSession, folder: Path, tables: Tables, world: World) -> set[str]:
    new = {
        name: [row for row in getattr(world, name) if row not in getattr(tables.seen, name)] for name in KEYS
    }
    ids = {name: pa.array([row["order_id"] for row in rows], pa.string()) for name, rows in new.items()}
    sources = {
        "new_orders": pa.table({"order_id": ids["orders"]}),
        "new_items": pa.table({"order_id": ids["items"]}),
        "facts": tables.facts,
        "pending": tables.pending,
        "changed_customers": changed(tables.seen.customers, world.customers, "customer"),
        "changed_products": changed(tables.seen.products, world.products, "product"),
    }
    frames = {name: frame(spark, rows, folder / f"{name}.parquet") for name, rows in sources.items()}
    found = [row["order_id"] for row in affected_orders(**frames).collect()]
    assert len(set(found)) == len(found)
    return set(found)


def changed(before: list[Row], after: list[Row], name: str) -> pa.Table:
    """Id and key of the customers or products that a row was added for, changed or removed."""
    rows = [row for row in before if row not in after] + [row for row in after if row not in before]
    columns = ((f"{name}_id", pa.string()), (f"{name}_key", pa.int64()))
    return pa.table({column: pa.array([row[column] for row in rows], kind) for column, kind in columns})


def worlds(seed: int, orders: int) -> list[World]:
    """What each run sees of a random world. The last sees what the one before it saw.

    Of an order or line, what was extracted later comes later or in the same run. Most are there from the first run on, so
    that most orders are affected by nothing or by a dimension alone. Versions of customers come in any order, so an old one
    may come last. Some customers are unknown again for a while, as when a deletion takes the place of their only version.
    """
    draw, world = random.Random(seed), random_world(seed, orders)
    orders_at, items_at = (arrivals(getattr(world, name), key, draw) for name, key in KEYS.items())
    at = {id(row): draw.choice([0, *range(RUNS - 1)]) for row in [*world.customers, *world.products]}
    found = [
        World(
            [row for row, come in orders_at if come <= run],
            [row for row, come in items_at if come <= run],
            [
                row
                for row in world.customers
                if at[id(row)] <= run and not (run == 3 and row["customer_id"] in RETURNING)
            ],
            [renamed(row, run) for row in world.products if at[id(row)] <= run],
        )
        for run in range(RUNS - 1)
    ]
    return [*found, found[-1]]


def renamed(row: Row, run: int) -> Row:
    """Some products are of another category for a while."""
    is_renamed = run in (2, 4) and row["product_id"] in ("P1", "P2", "P3")
    return row | {"category": f"of run {run}"} if is_renamed else row


def arrivals(rows: list[Row], key: tuple[str, ...], draw: random.Random) -> list[tuple[Row, int]]:
    """Each row with the run that it comes in."""
    places: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        places.setdefault(tuple(row[name] for name in key), []).append(row)
    found = []
    for versions in places.values():
        versions.sort(key=lambda row: row["extraction_timestamp"])
        runs = draw.choices(range(RUNS - 1), k=len(versions)) if draw.random() < 0.3 else [0] * len(versions)
        found += zip(versions, sorted(runs), strict=True)
    return found


def fact(order_id: str, customer_number: int, product_number: int) -> Row:
    return {"order_id": order_id, "line_number": 1,
            "customer_key": customer(customer_number, hour(0), None)["customer_key"],
            "product_key": product(product_number, None)["product_key"]}  # fmt: skip


def waiting(order_id: str, reason: str, customer_id: str | None, product_id: str | None) -> Row:
    ids = {"order_id": order_id, "customer_id": customer_id, "product_id": product_id}
    return {**ids, "line_number": 1, "reason": reason}


def test_who_is_affected(spark: SparkSession, tmp_path: Path) -> None:
    tables = Tables(
        facts=table(
            [fact("same", 1, 1), fact("its customer", 2, 1), fact("its product", 1, 2), fact("both", 2, 2),
             fact("with a new line", 1, 1)],
            "facts",
        ),
        pending=table(
            [
                waiting("for its order", "order", None, "P1"),
                waiting("for another customer", "customer", "C1", "P1"),
                waiting("for its customer", "customer", "C2", "P1"),
                waiting("for nobody", "customer", None, None),
                waiting("for its product", "product", "C1", "P2"),
                waiting("for another product", "product", "C1", "P1"),
                waiting("for no product", "product", "C1", None),
                waiting("for a product, but whose customer changed", "product", "C2", "P1"),
            ],
            "pending",
        ),
    )  # fmt: skip
    changes = World(
        orders=[{"order_id": "new"}, {"order_id": "new"}],
        items=[{"order_id": "with a new line"}, {"order_id": "new"}],
        customers=[customer(2, hour(0), "CA")],
        products=[product(2, "tea")],
    )

    assert affected_in(spark, tmp_path / "all", tables, changes) == {
        "new", "with a new line", "its customer", "its product", "both", "for its customer", "for its product",
        "for a product, but whose customer changed",
    }  # fmt: skip
    assert affected_in(spark, tmp_path / "none", tables, World()) == set()


def test_a_line_that_is_in_neither_table_after_half_a_commit_is_found_in_bronze(
    spark: SparkSession, tmp_path: Path
) -> None:
    orders = [order("O", "C1", hour(5), 1), order("same", "C2", hour(5), 1)]
    items = [
        item("O", 1, "P1", hour(5), 1),
        item("same", 1, "P1", hour(5), 1),
        item("of P2", 1, "P2", hour(5), 1),
    ]
    known, nobody = [customer(number, hour(0), "CA") for number in (1, 2)], [customer(2, hour(0), "CA")]
    before = World(orders, items, known, [product(1, "tea")])
    after = World(orders, items, nobody, [product(1, "tea"), product(2, "tea")])
    full = computed_anew(spark, tmp_path / "0", Tables(), before, {"O", "same", "of P2"})
    ahead = computed_anew(spark, tmp_path / "1", full, after, affected_in(spark, tmp_path / "1", full, after))
    half = Tables(ahead.facts, full.pending, before)  # the run ended between its two commits

    assert affected_in(spark, tmp_path / "2", half, after) == {"of P2"}
    changes = {
        "changed_customers": changed(known, nobody, "customer"),
        "changed_products": changed(before.products, after.products, "product"),
    }
    frames = {name: frame(spark, rows, tmp_path / f"{name}.parquet") for name, rows in changes.items()}
    bronze = after.frames(spark, tmp_path)
    found = orders_that_name(bronze["orders"], bronze["items"], **frames).collect()
    assert sorted(row["order_id"] for row in found) == ["O", "of P2"]
    whole = computed_anew(spark, tmp_path / "3", half, after, {"O", "of P2"})
    assert [(row["order_id"], row["reason"]) for row in whole.pending.to_pylist()] == [
        ("O", "customer"),
        ("of P2", "order"),
    ]
    assert whole.facts["order_id"].to_pylist() == ["same"]
