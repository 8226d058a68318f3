"""How each dataset is read, and what the worker adds to its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from contracts.language.dataset import Dataset
from contracts.marketing.clickstream import CLICKSTREAM
from contracts.marketing.demographics import DEMOGRAPHICS
from tasks.delimited import reader as delimited
from tasks.delimited.raw_records import raw_records
from tasks.hashes import keyed_hash, surrogate_key
from tasks.json_lines import reader as json_lines
from tasks.json_lines.raw_objects import raw_objects

_ARROW = {
    "identifier": pa.string(),
    "text": pa.string(),
    "json": pa.string(),
    "integer": pa.int64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}


@dataclass(frozen=True)
class Context:
    """What is the same in every row of a file."""

    day: date
    run_id: str
    source_file: str
    hash_key: bytes


@dataclass(frozen=True)
class Form:
    """`carried`: columns of the reader that go with a row. `added`: columns for a table of good rows."""

    dataset: Dataset
    opened: Callable[[Path, str], AbstractContextManager[Any]]
    raw: Callable[[Path, Any, Sequence[int]], Iterator[str]]
    carried: tuple[str, ...]
    added: Callable[[pa.Table, Context], dict[str, pa.Array]]
    added_types: dict[str, pa.DataType]

    @property
    def schema(self) -> pa.Schema:
        columns = [(column.name, _ARROW[column.kind]) for column in self.dataset.columns]
        place = [("source_file", pa.string()), ("line_number", pa.int64()), ("run_id", pa.string())]
        return pa.schema([*columns, *self.added_types.items(), *place])

    def rows(self, good: pa.Table, context: Context) -> pa.Table:
        """Rows as they are staged: the contract's columns, those that are added, and where the row is from."""
        place = {
            "source_file": _same(context.source_file, good.num_rows, pa.string()),
            "run_id": _same(context.run_id, good.num_rows, pa.string()),
        }
        found = {**self.added(good, context), **place}
        arrays = [
            found[field.name] if field.name in found else good.column(field.name) for field in self.schema
        ]
        return pa.table(arrays, names=self.schema.names).cast(self.schema)


def _same(value: Any, times: int, kind: pa.DataType) -> pa.Array:
    return pa.repeat(pa.scalar(value, kind), times)


def _keys(ids: pa.ChunkedArray) -> pa.Array:
    return pa.array([None if text is None else surrogate_key(text) for text in ids.to_pylist()], pa.int64())


def _of_customers(good: pa.Table, context: Context) -> dict[str, pa.Array]:
    emails = good.column("email").to_pylist()
    hashes = [None if email is None else keyed_hash(email, context.hash_key) for email in emails]
    return {
        "customer_key": _keys(good.column("customer_id")),
        "email_hash": pa.array(hashes, pa.string()),
        "snapshot_date": _same(context.day, good.num_rows, pa.date32()),
    }


def _of_events(good: pa.Table, context: Context) -> dict[str, pa.Array]:
    return {
        "customer_key": _keys(good.column("user_id")),
        "content_hash": good.column("content_hash").combine_chunks(),
        "source_date": _same(context.day, good.num_rows, pa.date32()),
    }


CUSTOMERS = Form(
    dataset=DEMOGRAPHICS,
    opened=lambda plain, name: delimited.opened(plain, columns=DEMOGRAPHICS.names, name=name),
    raw=lambda plain, reading, offsets: raw_records(plain, reading.plan, offsets),
    carried=("record_number", "line_number", "byte_offset"),
    added=_of_customers,
    added_types={"customer_key": pa.int64(), "email_hash": pa.string(), "snapshot_date": pa.date32()},
)
EVENTS = Form(
    dataset=CLICKSTREAM,
    opened=lambda plain, name: json_lines.opened(plain, CLICKSTREAM.columns, name=name),
    raw=lambda plain, reading, offsets: raw_objects(plain, reading.encoding, offsets),
    carried=("record_number", "line_number", "byte_offset", "content_hash"),
    added=_of_events,
    added_types={"customer_key": pa.int64(), "content_hash": pa.string(), "source_date": pa.date32()},
)
