"""Runs of silver over a bronze that grows: after each, the tables are as if computed from all of it at once."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from contracts.shop import EXTRACTED, SILVER
from jobs.glue import session, silver
from jobs.glue.layers.manifest import Delta, LayerWork, TableWork
from jobs.glue.storage import Storage
from tests.jobs.shop import customer_world, order_world

pytestmark = pytest.mark.spark

LINES = ("customers", "products", "orders", "order_items")
SOURCES = {
    "dim_customers": ("customers",),
    "dim_products": ("products",),
    "fact_orders": LINES,
    "pending_orders": LINES,
}
Row = dict[str, Any]


@dataclass
class Silver:
    """Bronze and silver on disk, and runs that bring the one up to date with the other."""

    spark: SparkSession
    folder: Path
    bronze: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in LINES})
    files: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in SILVER})
    known: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in LINES})
    runs: int = 0

    def add(self, rows: dict[str, pa.Table]) -> None:
        for name, some in rows.items():
            if some.num_rows:
                path = self.folder / "bronze" / f"{name}-{len(self.bronze[name])}.parquet"
                path.parent.mkdir(exist_ok=True)
                pq.write_table(some, path)
                self.bronze[name].append(f"file://{path}")

    def run(self, *, is_whole: bool = False) -> dict[str, Any]:
        self.runs += 1
        new = {
            name: tuple(file for file in files if file not in self.known[name])
            for name, files in self.bronze.items()
        }
        tables = {
            name: TableWork(
                tuple(self.files[name]),
                f"file://{self.folder}/{name}/run-{self.runs}",
                is_whole or not self.files[name],
                deltas={source: Delta(new[source]) for source in sources},
            )
            for name, sources in SOURCES.items()
        }
        work = LayerWork(
            f"run-{self.runs}", {name: tuple(files) for name, files in self.bronze.items()}, tables
        )
        figures = silver.build(self.spark, Storage(self.spark), work)
        for name, change in figures["tables"].items():
            self.files[name] = sorted((set(self.files[name]) - set(change["removed"])) | set(change["added"]))
        self.known = {name: list(files) for name, files in self.bronze.items()}
        return figures

    def rows(self) -> dict[str, list[str]]:
        return {
            name: sorted(
                str(row)
                for file in files
                for row in pq.ParquetFile(file.removeprefix("file://"))
                .read()
                .select(list(SILVER[name].names))
                .to_pylist()
            )
            for name, files in self.files.items()
        }


def world(seed: int, orders: int) -> dict[str, list[Row]]:
    lines = order_world.random_world(seed, orders)
    draw = random.Random(seed)
    customers = []
    for row in customer_world.any_rows(30, seed):
        customers.append({**row, "customer_id": f"C{row['customer_id'].rpartition('-')[2]}"})
    products = [
        {
            "product_id": f"P{number % 14}",
            "product_name": "Tea",
            "category": draw.choice(["tea", "cups"]),
            "brand": "B",
            "unit_price": None,
            "is_active": True,
            "is_deleted": draw.random() < 0.1,
            "created_at": customer_world.at(0),
            "updated_at": customer_world.at(draw.randrange(9)),
            "extraction_timestamp": customer_world.at(10) + timedelta(seconds=number),
            "source_system": "shop",
            "window_id": "w",
            "run_id": "r",
            "query_hash": "q",
            "is_tombstone": False,
        }
        for number in range(30)
    ]
    return {"customers": customers, "products": products, "orders": lines.orders, "order_items": lines.items}


def split(rows: dict[str, list[Row]], runs: int, seed: int) -> list[dict[str, pa.Table]]:
    """The rows in as many parts as there are runs, in any order."""
    draw = random.Random(seed)
    parts: list[dict[str, list[Row]]] = [{name: [] for name in rows} for _ in range(runs)]
    for name, some in rows.items():
        for row in some:
            draw.choice(parts)[name].append(row)
    return [{name: arrow(name, some) for name, some in part.items()} for part in parts]


def arrow(name: str, rows: list[Row]) -> pa.Table:
    from contracts.dialects.arrow_types import arrow_type
    from tasks.extraction.bronze import PROVENANCE

    own = [(column.name, arrow_type(column.kind)) for column in EXTRACTED[name].columns]
    return pa.Table.from_pylist(rows, pa.schema([*own, *PROVENANCE]))


def test_run_after_run_is_as_everything_at_once(spark: SparkSession, tmp_path: Path) -> None:
    session.configure(spark)
    rows = world(seed=4, orders=80)
    step = Silver(spark, tmp_path / "step")
    once = Silver(spark, tmp_path / "once")
    for part in (step, once):
        part.folder.mkdir()
    for some in split(rows, 3, seed=9):
        step.add(some)
        once.add(some)
        figures = step.run()
    once.run()
    assert step.rows() == once.rows()
    assert {name: len(found) > 5 for name, found in once.rows().items()} == dict.fromkeys(SILVER, True)
    critical = {
        f["metric"]: f["value"]
        for f in figures["checks"]
        if f["metric"] not in ("waiting", "quantity_out_of_range")
    }
    assert set(critical.values()) == {0}

    again = step.run(is_whole=True)
    assert {
        name: (c["rows_added"], c["rows_removed"]) for name, c in again["tables"].items()
    } == dict.fromkeys(SILVER, (0, 0))
    nothing = step.run()
    assert {name: (c["added"], c["removed"]) for name, c in nothing["tables"].items()} == dict.fromkeys(
        SILVER, ([], [])
    )
