"""Runs of gold over a silver that changes: after each, the tables are as if computed from all of it at once."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from contracts.dialects.arrow_types import arrow_type
from contracts.shop import GOLD, SILVER
from jobs.glue import gold, session
from jobs.glue.layers.manifest import Delta, LayerWork, TableWork
from jobs.glue.storage import Storage
from tests.jobs.shop import order_world
from tests.jobs.shop.order_world import hour

pytestmark = pytest.mark.spark

SEGMENTS = [
    {"name": "prospect", "orders_max": 0},
    {"name": "recent", "recency_days_max": 10},
    {"name": "other"},
]
DAY, NEXT = date(2026, 1, 10), date(2026, 1, 11)
SOURCES = ("dim_customers", "fact_orders")


@dataclass
class Gold:
    """Silver and gold on disk, and runs that bring the one up to date with the other."""

    spark: SparkSession
    folder: Path
    silver: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in SOURCES})
    known: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in SOURCES})
    files: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in GOLD})
    runs: int = 0

    def replace(self, rows: dict[str, pa.Table]) -> None:
        """Silver has these rows now, in files by half, one of which it had before if it is the same."""
        for name, some in rows.items():
            half = some.num_rows // 2
            self.silver[name] = [self._file(name, part) for part in (some.slice(0, half), some.slice(half))]

    def _file(self, name: str, rows: pa.Table) -> str:
        path = self.folder / name / f"{abs(hash(str(rows.to_pylist())))}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows, path)
        return f"file://{path}"

    def run(self, day: date) -> dict[str, Any]:
        self.runs += 1
        deltas = {
            name: Delta(
                tuple(sorted(set(files) - set(self.known[name]))),
                tuple(sorted(set(self.known[name]) - set(files))),
            )
            for name, files in self.silver.items()
        }
        is_new_day = self.runs == 1 or day != self.day
        tables = {
            name: TableWork(
                tuple(self.files[name]),
                f"file://{self.folder}/{name}/run-{self.runs}",
                not self.files[name] or (is_new_day and name != "sales_summary"),
                deltas=deltas,
            )
            for name in GOLD
        }
        parameters = {"analysis_date": day.isoformat(), "segments": SEGMENTS}
        sources = {name: tuple(files) for name, files in self.silver.items()}
        figures = gold.build(
            self.spark, Storage(self.spark), LayerWork(f"run-{self.runs}", sources, tables, parameters)
        )
        for name, change in figures["tables"].items():
            self.files[name] = sorted((set(self.files[name]) - set(change["removed"])) | set(change["added"]))
        self.known = {name: list(files) for name, files in self.silver.items()}
        self.day = day
        assert {check["metric"]: check["value"] for check in figures["checks"] if check["value"]} == {}
        return figures

    def rows(self, name: str) -> list[dict[str, Any]]:
        found = [pq.ParquetFile(file.removeprefix("file://")).read() for file in self.files[name]]
        rows = [row for some in found for row in some.select(list(GOLD[name].names)).to_pylist()]
        return sorted(rows, key=str)


def silver_of(seed: int) -> dict[str, pa.Table]:
    """The lines of a random shop, all with a quantity, and customers as their history has them."""
    world = order_world.random_world(seed, 60)
    expected = world.expected()
    facts = [{**row, "quantity": row["quantity"] or 1} for row in expected["facts"].to_pylist()]
    customers = [
        {
            **row,
            "full_name": "A",
            "data_quality_score": 1.0,
            "is_active": True,
            "created_date": DAY,
            "last_updated_date": DAY,
            "effective_date": DAY,
            "expiration_date": DAY,
            "is_current": True,
        }
        for row in world.customers
    ]
    return {"fact_orders": arrow("fact_orders", facts), "dim_customers": arrow("dim_customers", customers)}


def arrow(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, pa.schema([(c.name, arrow_type(c.kind)) for c in SILVER[name].columns]))


def changed(rows: dict[str, pa.Table], seed: int) -> dict[str, pa.Table]:
    """A few lines came, went or cost something else; a customer moved."""
    draw = random.Random(seed)
    facts = rows["fact_orders"].to_pylist()
    for row in draw.sample(facts, 6):
        row["line_amount"] = draw.choice([None, 10])
        row["status"] = draw.choice(["paid", "cancelled"])
    for row in draw.sample(facts, 3):
        row["order_ts"], row["order_date"] = hour(60), hour(60).date()
    customers = rows["dim_customers"].to_pylist()
    customers[-1]["address_standardized"] = {"street": "2 High St", "state": "OR"}
    kept = [row for row in facts if draw.random() > 0.05]
    return {"fact_orders": arrow("fact_orders", kept), "dim_customers": arrow("dim_customers", customers)}


def test_run_after_run_is_as_everything_at_once(spark: SparkSession, tmp_path: Path) -> None:
    session.configure(spark)
    step = Gold(spark, tmp_path / "step")
    before = silver_of(seed=2)
    step.replace(before)
    step.run(DAY)
    of_day = step.rows("ml_features")
    after = changed(before, seed=5)
    step.replace(after)
    figures = step.run(DAY)
    once = Gold(spark, tmp_path / "once")
    once.replace(after)
    once.run(DAY)
    for name in GOLD:
        assert step.rows(name) == once.rows(name), name
    assert 0 < figures["tables"]["customer_analytics"]["rows_added"] < len(step.rows("customer_analytics"))
    assert step.rows("ml_features") != of_day

    later, summary = step.rows("ml_features"), step.rows("sales_summary")
    step.run(NEXT)
    analytics, features = step.rows("customer_analytics"), step.rows("ml_features")
    assert {row["analysis_date"] for row in analytics} == {NEXT}
    assert len(analytics) == len(once.rows("customer_analytics"))
    # What was known on the day before stays, beside what is known now.
    assert [row for row in features if row["analysis_date"] == DAY] == later
    assert sum(row["analysis_date"] == NEXT for row in features) == len(later)
    assert step.rows("sales_summary") == summary
