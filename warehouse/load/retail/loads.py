"""RAW: the rows of each file, and those that broke the contract, with where they come from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from contracts.dialects.snowflake import snowflake_type
from contracts.language.dataset import Dataset
from warehouse.columns import Columns
from warehouse.records import bound_rows, utc
from warehouse.statement import Statement

QUARANTINED = "RAW.QUARANTINED_ROWS"
STAGED_REJECTS: Columns = {
    "load_id": "VARCHAR",
    "record_number": "BIGINT",
    "line_number": "BIGINT",
    "byte_offset": "BIGINT",
    "raw_line": "VARCHAR",
    "reasons": "VARCHAR",
}
_VERSION: Columns = {
    "load_id": "VARCHAR",
    "batch_date": "DATE",
    "received_at": "TIMESTAMP_NTZ",
    "source_file": "VARCHAR",
    "version_id": "VARCHAR",
}


@dataclass(frozen=True)
class Load:
    """One object version whose rows go into RAW. `load_id` is the same however often the load is tried."""

    load_id: str
    source_file: str
    version_id: str
    file_hash: str
    batch_date: date
    received_at: datetime


@dataclass(frozen=True)
class Redated:
    """What another file changes about the rows of a load: their batch date and their arrival.

    The arrival is taken whole. Files that arrive in the same second are ordered by their names, and the name of a content
    must not depend on which of its files was loaded.
    """

    load_id: str
    batch_date: date
    received_at: datetime
    source_file: str
    version_id: str


def raw_table(dataset: Dataset) -> str:
    return f"RAW.{dataset.name.upper()}"


def staged_rows(dataset: Dataset) -> Columns:
    columns = {column.name: snowflake_type(column.kind) for column in dataset.columns}
    return {**columns, "line_number": "BIGINT", "load_id": "VARCHAR"}


def insert_rows(dataset: Dataset, staging: str, loads: Sequence[Load]) -> Statement:
    """Insert the staged rows of these loads, except loads that RAW has."""
    given = {**_VERSION, "file_hash": "VARCHAR"}
    text = _insert_text(raw_table(dataset), staged_rows(dataset), staging, given)
    return Statement(f"insert rows of {dataset.name}", text, (_documents(loads),))


def insert_quarantined(kind: str, staging: str, loads: Sequence[Load]) -> Statement:
    """Insert the staged rejects of these loads, all of one kind, except loads that RAW has."""
    text = _insert_text(QUARANTINED, STAGED_REJECTS, staging, {**_VERSION, "kind": "VARCHAR"})
    return Statement(f"insert quarantined rows of {kind}", text, (_documents(loads, kind=kind),))


def redate(dataset: Dataset, redated: Sequence[Redated]) -> list[Statement]:
    """Give the rows of these loads, each named once, another batch date and arrival. `restage` has to follow."""
    bound = (_documents(redated),)
    return [
        Statement(f"redate rows of {dataset.name}", _redate_text(raw_table(dataset)), bound),
        Statement(f"redate quarantined rows of {dataset.name}", _redate_text(QUARANTINED), bound),
    ]


def _insert_text(table: str, staged: Iterable[str], staging: str, given: Columns) -> str:
    values = {column: f"loads.{column}" for column in given} | {
        column: f"staged.{column}" for column in staged
    }
    return f"""INSERT INTO {table} ({", ".join(values)}, loaded_at)
SELECT {", ".join(values.values())}, CURRENT_TIMESTAMP()
FROM {staging} staged
JOIN (
    {bound_rows(given)}
) loads ON loads.load_id = staged.load_id
WHERE NOT EXISTS (SELECT 1 FROM {table} known WHERE known.load_id = loads.load_id)"""


def _redate_text(table: str) -> str:
    row = table.split(".")[1]
    dated = [column for column in _VERSION if column != "load_id"]
    sets = ",\n    ".join(f"{column} = redated.{column}" for column in dated)
    differs = " OR ".join(f"{row}.{column} <> redated.{column}" for column in dated)
    return f"""UPDATE {table}
SET {sets}
FROM (
    {bound_rows(_VERSION)}
) redated
WHERE {row}.load_id = redated.load_id AND ({differs})"""


def _documents(rows: Iterable[Load | Redated], **added: str) -> str:
    return json.dumps(
        [{**vars(row), **added, "received_at": utc(row.received_at).isoformat(sep=" ")} for row in rows],
        default=str,
    )
