"""Silver, gold's features and a feature store's offline files on disk, and the job's work over them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from contracts.dialects.arrow_types import arrow_type
from contracts.language.dataset import Column, Dataset
from contracts.shop import GOLD, SILVER
from contracts.shop.churn_predictions import CHURN_PREDICTIONS
from contracts.shop.ml_features import ML_FEATURES
from jobs.glue import churn_dataset, session
from jobs.glue.churn.churn_manifest import ChurnWork
from jobs.glue.churn.store_records import STORED
from jobs.glue.storage import Storage

Row = dict[str, Any]
AS_OF = date(2026, 3, 1)
HORIZON = 60


def midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def origin(number: int, horizon: int = HORIZON) -> date:
    """The latest origin is 0."""
    return AS_OF - timedelta(days=7 * -(-horizon // 7) + 28 * number)


WORK = ChurnWork(
    run_id="run-1",
    as_of=AS_OF,
    horizon_days=HORIZON,
    due_days=180,
    origins=tuple(origin(number) for number in range(3)),
    history_days=60,
    known_within_days=2,
    max_age_days=1,
    minimum_due=1,
    reconstruct=True,
    output="",
    outcomes="",
    sources={"fact_orders": (), "dim_customers": (), "ml_features": (), "store": (), "predictions": ()},
)


def features(key: int, day: date, **values: Any) -> Row:
    """A row of ML_FEATURES."""
    none = {column.name: None for column in ML_FEATURES.columns if not column.required}
    zeros = {column.name: 0 for column in ML_FEATURES.columns if column.required}
    known = {"customer_key": key, "customer_id": f"C{key}", "analysis_date": day, "is_deleted": False}
    return {**none, **zeros, **known, **values}


def record(key: int, day: date, written: datetime, *, gone: bool = False, **values: Any) -> Row:
    """A record of the offline store, in its types."""
    told = features(key, day, **values)
    in_types = {column.name: _in_store(column, told[column.name]) for column in STORED}
    at = values.get("event_time", f"{day}T00:00:00Z")
    return {
        **in_types,
        "event_time": at,
        "write_time": written,
        "api_invocation_time": written,
        "is_deleted": gone,
    }


def _in_store(column: Column, value: Any) -> Any:
    if value is None or column.kind in ("text", "integer"):
        return value
    if column.kind == "boolean":
        return int(value)
    return str(value) if column.kind == "date" else float(value)


def _store_type(column: Column) -> pa.DataType:
    return {"text": pa.string(), "date": pa.string(), "integer": pa.int64(), "boolean": pa.int64()}.get(
        column.kind, pa.float64()
    )


_STORE = pa.schema(
    [(column.name, _store_type(column)) for column in STORED]
    + [("event_time", pa.string()), ("write_time", pa.timestamp("us", "UTC"))]
    + [("api_invocation_time", pa.timestamp("us", "UTC")), ("is_deleted", pa.bool_())]
)


@dataclass
class Disk:
    """Files in a folder, and runs of the job over them."""

    spark: SparkSession
    folder: Path
    _numbers: Any = field(default_factory=itertools.count)

    def facts(self, rows: Iterable[Row]) -> str:
        return self._table(SILVER["fact_orders"], rows)

    def customers(self, rows: Iterable[Row]) -> str:
        return self._table(SILVER["dim_customers"], rows)

    def gold(self, rows: Iterable[Row]) -> str:
        return self._table(GOLD["ml_features"], rows)

    def store(self, rows: Iterable[Row]) -> str:
        aware = [
            {
                name: value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
                for name, value in row.items()
            }
            for row in rows
        ]
        return self._file(pa.Table.from_pylist(aware, _STORE))

    def predictions(self, rows: Iterable[Row]) -> str:
        return self._table(CHURN_PREDICTIONS, rows)

    def _table(self, dataset: Dataset, rows: Iterable[Row]) -> str:
        schema = pa.schema([(column.name, arrow_type(column.kind)) for column in dataset.columns])
        return self._file(pa.Table.from_pylist(list(rows), schema))

    def _file(self, rows: pa.Table) -> str:
        path = self.folder / f"{next(self._numbers)}.parquet"
        pq.write_table(rows, path)
        return f"file://{path}"

    def run(
        self,
        facts: Iterable[Row],
        customers: Iterable[Row],
        gold: Iterable[Row] = (),
        store: Sequence[Iterable[Row]] = (),
        predictions: Sequence[Iterable[Row]] = (),
        **changes: Any,
    ) -> Outcome:
        """`store` and `predictions` have the rows of each of their files."""
        session.configure(self.spark)
        output = self.folder / f"out-{next(self._numbers)}"
        sources = {
            "fact_orders": (self.facts(facts),),
            "dim_customers": (self.customers(customers),),
            "ml_features": (self.gold(gold),),
            "store": tuple(self.store(rows) for rows in store),
            "predictions": tuple(self.predictions(rows) for rows in predictions),
        }
        told = self.folder / f"told-{output.name}"
        work = replace(WORK, output=f"file://{output}", outcomes=f"file://{told}", sources=sources, **changes)
        return Outcome(churn_dataset.build(self.spark, Storage(self.spark), work), output, told)


@dataclass
class Outcome:
    figures: dict[str, Any]
    output: Path
    outcomes: Path

    def rows(self, folder: str) -> list[Row]:
        found = [pq.ParquetFile(path).read() for path in sorted((self.output / folder).glob("*.parquet"))]
        return [row for table in found for row in table.to_pylist()]

    def of(self, day: date) -> dict[int, Row]:
        """The rows of a day by customer_key."""
        return {
            row["customer_key"]: row
            for row in self.rows("history") + self.rows("future")
            if row["as_of"] == day
        }
