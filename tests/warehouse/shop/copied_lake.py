"""Gold tables in a real Iceberg catalog, on the server whose bucket the local Snowflake's stage reads."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from contracts.dialects.arrow_types import arrow_type
from contracts.language.dataset import Dataset
from tasks.lake import lake_commits, lake_tables
from tasks.lake.lake_commits import Commit
from tests.warehouse.standin import BUCKET, Warehouse
from warehouse.load.shop.copies import COPIES

Row = dict[str, Any]
_DAY = date(2026, 3, 1)


@dataclass
class CopiedLake:
    warehouse: Warehouse
    _numbers: Any = field(default_factory=count)

    def file(self, table: str, rows: Sequence[Row]) -> str:
        contract = COPIES[table].dataset
        key = f"{COPIES[table].namespace}/{table}/data/w{next(self._numbers)}/published/part-0.parquet"
        body = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(list(rows), _schema(contract)), body)
        self.warehouse.s3.put_object(Bucket=BUCKET, Key=key, Body=body.getvalue())
        return f"s3://{BUCKET}/{key}"

    def commit(
        self, table: str, added: Iterable[Sequence[Row]] = (), removed: Iterable[str] = ()
    ) -> list[str]:
        """Publish files with these rows instead of the removed files. Returns the files."""
        files = [self.file(table, rows) for rows in added]
        namespace = COPIES[table].namespace
        base = lake_tables.snapshot_id(lake_tables.load(namespace, table))
        work = f"w{next(self._numbers)}"
        commit = Commit(work, "run", (), "1.0.0", tuple(files), tuple(removed))
        assert lake_commits.publish(namespace, table, f"s3://{BUCKET}/{namespace}/{table}", commit, base)
        return files

    def snapshot(self, table: str) -> int:
        found = lake_tables.snapshot_id(lake_tables.load(COPIES[table].namespace, table))
        assert found
        return found

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        """The table's rows as pyiceberg reads them."""
        lake = lake_tables.load(COPIES[table].namespace, table)
        assert lake
        names = COPIES[table].dataset.names
        return by_text(tuple(row[name] for name in names) for row in lake.scan().to_arrow().to_pylist())

    def mart(self, table: str) -> list[tuple[Any, ...]]:
        mart = COPIES[table]
        return by_text(self.warehouse.rows(f"SELECT {', '.join(mart.columns)} FROM {mart.table}"))


def by_text(rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(rows, key=str)


def _schema(dataset: Dataset) -> pa.Schema:
    return pa.schema([(column.name, arrow_type(column.kind)) for column in dataset.columns])


def customer(key: int, value: str = "10.00", **values: Any) -> Row:
    return {
        "customer_key": key,
        "customer_id": f"C{key}",
        "customer_segment": "others",
        "lifetime_value": Decimal(value),
        "total_orders": 1,
        "avg_order_value": Decimal(value),
        "currency": "GBP",
        "last_order_date": _DAY,
        "preferred_category": None,
        "geographic_region": "ENG",
        "churn_probability": None,
        "analysis_date": _DAY,
        **values,
    }


def score(key: int, day: date, probability: float = 0.5, decile: int = 3) -> Row:
    return {
        "customer_key": key,
        "customer_id": f"C{key}",
        "as_of": day,
        "horizon_days": 90,
        "probability": probability,
        "decile": decile,
        "reasons": "[]",
        "model_version": "v1",
        "run_id": "run",
    }


def sales(
    day: int | None,
    category: str | None,
    region: str | None,
    currency: str | None,
    amount: str,
    units: int = 1,
) -> Row:
    return {
        "order_date": None if day is None else date(2026, 2, day),
        "category": category,
        "region": region,
        "currency": currency,
        "orders": 1,
        "units": units,
        "net_amount": Decimal(amount),
    }
