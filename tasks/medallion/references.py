"""Check that every row of a table refers to a row of another: the key columns alone are read, in batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from contracts.dialects.duckdb_values import name as quoted
from tasks.lake import lake_tables
from tasks.lake.lake_tables import lake_failures

if TYPE_CHECKING:
    import pyarrow as pa

_MEMORY = "512MB"


@dataclass(frozen=True)
class Reference:
    """A column of a table whose values must be in the column of the same name of another table."""

    namespace: str
    table: str
    column: str
    to: str

    @property
    def metric(self) -> str:
        return f"unknown.{self.column}"


REFERENCES = (
    Reference("silver", "fact_orders", "customer_version_key", "dim_customers"),
    Reference("silver", "fact_orders", "product_key", "dim_products"),
)


def unknown(reference: Reference) -> int | None:
    """How many rows refer to nothing. None if one of the tables was never published."""
    ours = _column(reference.namespace, reference.table, reference.column)
    theirs = _column(reference.namespace, reference.to, reference.column)
    if ours is None or theirs is None:
        return None
    column = quoted(reference.column)
    with duckdb.connect(config={"threads": 1, "memory_limit": _MEMORY}) as connection:
        connection.register("ours", ours)
        connection.register("theirs", theirs)
        with lake_failures(
            f"reading {reference.column} of {reference.namespace}.{reference.table} and {reference.to}"
        ):
            (found,) = connection.sql(
                f"SELECT count(*) FROM ours WHERE NOT EXISTS (FROM theirs WHERE theirs.{column} = ours.{column})"  # noqa: S608
            ).fetchall()[0]
    return int(found)


def _column(namespace: str, name: str, column: str) -> pa.RecordBatchReader | None:
    table = lake_tables.load(namespace, name)
    if table is None or table.current_snapshot() is None:
        return None
    return table.scan(selected_fields=(column,)).to_arrow_batch_reader()
