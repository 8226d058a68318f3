"""Files loaded as the flow does: staged, then inserted, redated and merged in one transaction; marts in another."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from itertools import count
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from contracts.retail import INBOX
from tasks.services.snowflake import execute
from tasks.warehouse.warehouse_write import writing
from tests.warehouse.retail.oracle import Arrival, Content, Sale, Store
from tests.warehouse.standin import BUCKET, Warehouse
from warehouse.columns import Columns
from warehouse.load.retail.loads import (
    STAGED_REJECTS,
    Load,
    Redated,
    insert_quarantined,
    insert_rows,
    redate,
    staged_rows,
)
from warehouse.load.retail.stage import merge_stage, restage
from warehouse.load.staging import stage
from warehouse.marts.retail.refresh import rebuild, refresh
from warehouse.statement import Statement

TABLES = (
    "RAW.SALES",
    "RAW.STORES",
    "RAW.QUARANTINED_ROWS",
    "STAGE.SALES",
    "STAGE.STORES",
    "STAGE.RETAIL_CHANGES",
    "STAGE.RETAIL_STORE_TOTALS",
    "MARTS.RETAIL_DAILY_SALES",
    "MARTS.RETAIL_STORE_PERFORMANCE",
    "MARTS.RETAIL_TOP_STORES",
    "MONITORING.INBOX_FILES",
)
VERSION = "batch_date, received_at, source_file, version_id, line_number"
_ARROW = {
    "VARCHAR": pa.string(),
    "BIGINT": pa.int64(),
    "TIMESTAMP_NTZ": pa.timestamp("us", tz="UTC"),
    "NUMBER(18, 2)": pa.decimal128(18, 2),
}


@dataclass
class Inbox:
    warehouse: Warehouse
    sends: int = 1
    """How often each statement is sent."""
    _loads: dict[int, Load] = field(default_factory=dict)
    _arrivals: dict[int, list[Arrival]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=count)

    def clear(self) -> None:
        for table in TABLES:
            self.warehouse.rows(f"DELETE FROM {table}")

    def load(self, arrivals: Iterable[tuple[Content, Arrival]]) -> None:
        """One transaction. The first arrival of a content is its load; a later one dates it anew."""
        loads: dict[str, list[tuple[Content, Load]]] = {kind: [] for kind in INBOX}
        redated: dict[str, dict[int, Redated]] = {kind: {} for kind in INBOX}
        for content, arrival in arrivals:
            seen = self._arrivals.setdefault(content.number, [])
            seen.append(arrival)
            if content.number in self._loads:
                redated[content.kind][content.number] = _redated(self._loads[content.number], seen)
            else:
                self._loads[content.number] = _load(arrival)
                loads[content.kind].append((content, _load(arrival)))
        statements: list[Statement] = []
        for kind, new in loads.items():
            statements += self._staged(kind, new)
            statements += _merges(kind, [load for _, load in new], list(redated[kind].values()))
        with writing(self.warehouse.connection, "the inbox"):
            self._execute(statements)

    def refresh(self) -> None:
        with writing(self.warehouse.connection, "refresh of the retail marts"):
            self._execute(refresh())

    def rebuild(self) -> None:
        with writing(self.warehouse.connection, "rebuild of the retail marts"):
            self._execute(rebuild())

    def _staged(self, kind: str, new: Sequence[tuple[Content, Load]]) -> Iterator[Statement]:
        """Stage the rows at once, because DDL commits; the INSERTs are of the transaction."""
        dataset, loads = INBOX[kind], [load for _, load in new]
        rows = [
            {**vars(row), "line_number": line, "load_id": load.load_id}
            for content, load in new
            for line, row in enumerate(content.rows, start=2)
        ]
        rejects = [
            {"raw_line": "?", "reasons": "fields", "load_id": load.load_id}
            | dict.fromkeys(("record_number", "line_number", "byte_offset"), line)
            for content, load in new
            for line in range(content.broken_lines)
        ]
        if rows:
            self._stage(f"RAW.{kind}_STAGED", staged_rows(dataset), rows)
            yield insert_rows(dataset, f"RAW.{kind}_STAGED", loads)
        if rejects:
            self._stage(f"RAW.{kind}_REJECTS_STAGED", STAGED_REJECTS, rejects)
            yield insert_quarantined(kind, f"RAW.{kind}_REJECTS_STAGED", loads)

    def _stage(self, table: str, columns: Columns, rows: Sequence[dict[str, Any]]) -> None:
        buffer = io.BytesIO()
        schema = pa.schema([(name, _ARROW[kind]) for name, kind in columns.items()])
        pq.write_table(pa.Table.from_pylist(list(rows), schema), buffer)
        key = f"inbox/{id(self)}-{next(self._numbers)}.parquet"
        self.warehouse.s3.put_object(Bucket=BUCKET, Key=key, Body=buffer.getvalue())
        for statement in stage(table, columns, [f"s3://{BUCKET}/{key}"]):
            execute(self.warehouse.connection, statement)

    def _execute(self, statements: Iterable[Statement]) -> None:
        for statement in statements:
            for _ in range(self.sends):
                execute(self.warehouse.connection, statement)

    def raw(self, kind: str) -> list[tuple[Any, ...]]:
        return sorted(_versioned(kind, row) for row in self._rows(f"RAW.{kind.upper()}", kind))

    def staged(self, kind: str) -> dict[tuple[str, ...], tuple[Any, ...]]:
        found = [_versioned(kind, row) for row in self._rows(f"STAGE.{kind.upper()}", kind)]
        by_key = {row.key: (version, row) for version, row in found}
        assert len(by_key) == len(found)
        return by_key

    def _rows(self, table: str, kind: str) -> list[tuple[Any, ...]]:
        return self.warehouse.rows(f"SELECT {VERSION}, {', '.join(INBOX[kind].names)} FROM {table}")

    def quarantined(self) -> list[tuple[Any, ...]]:
        columns = "batch_date, received_at, source_file, version_id, kind, line_number"
        rows = self.warehouse.rows(f"SELECT {columns} FROM RAW.QUARANTINED_ROWS")
        return sorted((day, moment.replace(tzinfo=UTC), *rest) for day, moment, *rest in rows)

    def mart(self, name: str, keys: int) -> dict[Any, tuple[Any, ...]]:
        rows = self.warehouse.rows(f"SELECT * FROM MARTS.{name}")
        by_key = {row[:keys] if keys > 1 else row[0]: row[keys:] for row in rows}
        assert len(by_key) == len(rows)
        return by_key

    def marts(self) -> dict[str, dict[Any, tuple[Any, ...]]]:
        return {
            "daily_sales": self.mart("RETAIL_DAILY_SALES", 2),
            "store_performance": self.mart("RETAIL_STORE_PERFORMANCE", 1),
            "top_stores": self.mart("RETAIL_TOP_STORES", 2),
        }


def _load(arrival: Arrival) -> Load:
    return Load(
        load_id=f"{arrival.source_file}@{arrival.version_id}",
        source_file=arrival.source_file,
        version_id=arrival.version_id,
        file_hash="0" * 64,
        batch_date=arrival.batch_date,
        received_at=arrival.received_at,
    )


def _redated(load: Load, seen: Sequence[Arrival]) -> Redated:
    """The latest batch date, and the earliest arrival."""
    first = min(seen)
    batch_date = max(arrival.batch_date for arrival in seen)
    return Redated(load.load_id, batch_date, first.received_at, first.source_file, first.version_id)


def _merges(kind: str, loads: Sequence[Load], redated: Sequence[Redated]) -> Iterator[Statement]:
    dataset = INBOX[kind]
    if redated:
        yield from redate(dataset, redated)
    if loads:
        yield from merge_stage(dataset, [load.load_id for load in loads])
    if redated:
        yield from restage(dataset, [each.load_id for each in redated])


def _versioned(kind: str, row: tuple[Any, ...]) -> tuple[tuple[Any, ...], Any]:
    version = (row[0], row[1].replace(tzinfo=UTC), *row[2:5])
    if kind == "stores":
        return version, Store(*row[5:])
    token, transaction, receipt, moment, amount, role = row[5:]
    return version, Sale(token, transaction, receipt, moment.replace(tzinfo=UTC), amount, role)
