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
from contracts.shop import GOLD, LEARNED, SILVER
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
SOURCES = ("dim_customers", "fact_orders", "churn_predictions")
CONTRACTS = {**SILVER, **LEARNED}


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
    return pa.Table.from_pylist(
        rows, pa.schema([(c.name, arrow_type(c.kind)) for c in CONTRACTS[name].columns])
    )


def scoring(customers: pa.Table, day: date, factor: float, every: int = 2) -> pa.Table:
    """Every second customer is scored, if nothing else is said."""
    known = {row["customer_key"]: row["customer_id"] for row in customers.to_pylist()}
    rows = [
        {"customer_key": key, "customer_id": name, "as_of": day, "probability": number * factor, "decile": 1}
        | {"reasons": "[]", "model_version": "churn-1", "run_id": "run"}
        for number, (key, name) in enumerate(sorted(known.items()))
        if number % every == 0
    ]
    return arrow("churn_predictions", rows)


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


def test_a_scoring_changes_those_whose_score_is_another(spark: SparkSession, tmp_path: Path) -> None:
    session.configure(spark)
    step, rows = Gold(spark, tmp_path / "step"), silver_of(seed=2)
    step.replace(rows)
    step.run(DAY)
    before = step.rows("customer_analytics")
    assert {row["churn_probability"] for row in before} == {None}

    def scored(*scorings: pa.Table) -> tuple[dict[int, float], int]:
        """Scores by customer after a run with these scorings, and how many rows of the table differ."""
        step.silver["churn_predictions"] = [step._file("churn_predictions", some) for some in scorings]
        figures = step.run(DAY)["tables"]
        assert figures["ml_features"]["rows_added"] == figures["sales_summary"]["rows_added"] == 0
        told, now = figures["customer_analytics"], step.rows("customer_analytics")
        assert [row | {"churn_probability": None} for row in now] == before
        assert told["rows_added"] == told["rows_removed"]
        scores = {row["customer_key"]: row["churn_probability"] for row in now}
        return {key: score for key, score in scores.items() if score is not None}, told["rows_added"]

    def expected(scoring_of: pa.Table) -> dict[int, float]:
        columns = (scoring_of.column(name).to_pylist() for name in ("customer_key", "probability"))
        return dict(zip(*columns, strict=True))

    first = scoring(rows["dim_customers"], date(2026, 1, 3), 0.01)
    assert scored(first) == (expected(first), first.num_rows)
    # The next one is of fewer customers: the others have no score any more. All but the one with 0 change. A scoring of a
    # day to come counts from that day on.
    second = scoring(rows["dim_customers"], DAY, 0.02, every=4)
    later = scoring(rows["dim_customers"], NEXT, 0.005, every=1)
    assert scored(first, second, later) == (expected(second), first.num_rows - 1)
    once = Gold(spark, tmp_path / "once")
    once.replace(rows)
    once.silver["churn_predictions"] = step.silver["churn_predictions"]
    once.run(DAY)
    assert step.rows("customer_analytics") == once.rows("customer_analytics")
    # The newest is withdrawn: the one before counts again.
    assert scored(first) == (expected(first), first.num_rows - 1)
