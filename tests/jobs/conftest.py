"""A small lake on disk: deliver files, curate a slice, look at what would be published."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.io.pyarrow import (
    PyArrowFileIO,
    _pyarrow_to_schema_without_ids,
    parquet_file_to_data_file,
)
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
from pyiceberg.schema import assign_fresh_schema_ids
from pyiceberg.table.metadata import new_table_metadata
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER
from pyspark.sql import SparkSession

from contracts.catalog import contract
from contracts.dialects.drift import delivered_columns
from contracts.language.dataset import SOURCE_DATE, Dataset
from contracts.language.document import document, from_document
from jobs.glue import curate, session
from jobs.glue.curation import manifest
from tasks.lake import file_bounds

Row = dict[str, Any]
PLACES = ("output", "quarantine", "staging")
WRITTEN = {"published": "rows_written", "survivors": "rows_survivors", "quarantined": "rows_quarantined"}
"""Where the rows are that a figure counts: after every run of these tests the files are asked."""


@dataclass
class Outcome:
    """What one run of the job left for one dataset."""

    figures: dict[str, Any]
    output: Path
    quarantine: Path
    staging: Path

    def files(self, folder: str) -> list[str]:
        return [f"file://{path}" for path in self._paths(folder)]

    def rows_in_footers(self, folder: str) -> int:
        return sum(pq.read_metadata(path).num_rows for path in self._paths(folder))

    def rows(self, folder: str) -> list[Row]:
        return [row for path in self._paths(folder) for row in pq.ParquetFile(path).read().to_pylist()]

    def _paths(self, folder: str) -> list[Path]:
        """Of a folder of the output, or of the place for rejected rows."""
        place = self.quarantine if folder == "quarantined" else self.output / folder
        return sorted(place.rglob("*.parquet"))

    def published(self, *columns: str) -> set[tuple[Any, ...]]:
        return {tuple(row[column] for column in columns) for row in self.rows("published")}

    def refused(self, *columns: str) -> set[tuple[Any, ...]]:
        return {tuple(row[column] for column in columns) for row in self.rows("quarantined")}


@dataclass
class Lake:
    spark: SparkSession
    folder: Path
    _numbers: Any = field(default_factory=itertools.count)

    def deliver(self, raw_date: date, rows: Iterable[Row] | pa.Table, name: str = "part.parquet") -> Row:
        """A file of a raw date, and its entry in a manifest."""
        table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(list(rows))
        path = self.folder / f"raw-{next(self._numbers)}" / f"day={raw_date}" / name
        path.parent.mkdir(parents=True)
        pq.write_table(table, path)
        columns = delivered_columns(table.schema, str(path))
        return {
            "path": f"file://{path}",
            "raw_date": str(raw_date),
            "rows": table.num_rows,
            "columns": columns,
        }

    def work(
        self, dataset: str, inputs: list[Row], history: Iterable[str] = (), run_id: str = "run-1"
    ) -> Mapping[str, Any]:
        number = next(self._numbers)
        return {
            "contract": document(contract(dataset)),
            **{place: f"file://{self.folder}/{place}-{number}" for place in PLACES},
            "inputs": inputs,
            "history": [in_manifest(path, contract(dataset)) for path in sorted(history)],
        }

    def curate(self, *works: Mapping[str, Any], run_id: str = "run-1") -> list[Outcome]:
        import json

        parsed = manifest.parse(json.dumps({"run_id": run_id, "datasets": works}), "manifest.json")
        session.configure(self.spark)
        figures = curate.curate(self.spark, parsed)["datasets"]
        outcomes = [
            Outcome(
                figures[from_document(w["contract"]).table],
                *(Path(w[place].removeprefix("file://")) for place in PLACES),
            )
            for w in works
        ]
        for outcome in outcomes:
            for folder, figure in WRITTEN.items():
                assert outcome.rows_in_footers(folder) == outcome.figures[figure], folder
        return outcomes


def in_manifest(path: str, dataset: Dataset) -> Row:
    """A published file as the worker names it in a manifest: with the bounds that Iceberg keeps of it."""
    schema = assign_fresh_schema_ids(
        _pyarrow_to_schema_without_ids(pq.read_schema(path.removeprefix("file://")))
    )
    metadata = new_table_metadata(
        schema, UNPARTITIONED_PARTITION_SPEC, UNSORTED_SORT_ORDER, "s3://lake/table"
    )
    file = parquet_file_to_data_file(PyArrowFileIO(), metadata, path)
    return {"path": path, "bounds": file_bounds.bounds(file, metadata.schema(), (*dataset.key, SOURCE_DATE))}


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path) -> Lake:
    return Lake(spark, tmp_path)


def _line(order: str = "SO-1", sku: str = "SKU-1", **values: Any) -> Row:
    return {
        "order_id": order,
        "sku_code": sku,
        "customer_id": "C-1",
        "region_code": "IN-MH",
        "quantity": 2,
        "net_revenue": 100.0,
        "order_date": "2025-01-05",
        "channel": "modern_trade",
        "changed_at": None,
        **values,
    }


@pytest.fixture
def digest() -> Any:
    """The SHA-256 of a line's normalised content, without the code under test: the contract's columns in their order, a
    null as nothing, identifiers with their length."""

    def of(row: Row) -> str:
        fields = [
            *(f"{len(row['order_id'])}:{row['order_id']}", row["sku_code"]),
            *(f"{len(row['customer_id'])}:{row['customer_id']}", row["region_code"]),
            *(str(int(row["quantity"])), f"{row['net_revenue']:.4f}"),
            str((date.fromisoformat(row["order_date"]) - date(1970, 1, 1)).days),
            *(f"{len(row['channel'])}:{row['channel']}", "", "", "", "", ""),
            str(_micros(row["changed_at"])) if row["changed_at"] else "",
        ]
        return hashlib.sha256("|".join(fields).encode()).hexdigest()

    return of


def _micros(instant: str) -> int:
    return int(datetime.fromisoformat(instant).replace(tzinfo=UTC).timestamp()) * 1_000_000


@pytest.fixture
def line() -> Any:
    """Builds one good order line; keywords replace or add columns."""
    return _line
