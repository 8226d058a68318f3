"""Statements that bring a mart from one snapshot of its gold table to another: all rows anew, or the files that differ.

A row never changes in the lake: its file is replaced. So the mart of a later snapshot is that of the earlier one without the
rows of the files that are gone, and with those of the files that are new. It is deleted and inserted, never updated, which
is also all that the pipeline's role may do in MARTS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.dialects.snowflake import snowflake_type
from contracts.language.dataset import Dataset
from contracts.shop.customer_analytics import CUSTOMER_ANALYTICS
from contracts.shop.sales_summary import SALES_SUMMARY
from warehouse.columns import Columns
from warehouse.load import record_load
from warehouse.load.staging import count_text, stage
from warehouse.statement import Kind, Statement


@dataclass(frozen=True)
class GoldMart:
    """A mart that is a gold table's copy. `amount` is the column whose sum tells whether all of it is there."""

    dataset: Dataset
    amount: str

    @property
    def name(self) -> str:
        """The lake's table; the name of the mart's head and of its loads."""
        return f"gold.{self.dataset.name}"

    @property
    def table(self) -> str:
        return f"MARTS.{self.dataset.name.upper()}"

    @property
    def staging(self) -> str:
        return f"CURATED.GOLD_{self.dataset.name.upper()}_STAGE"

    @property
    def gone(self) -> str:
        return f"{self.staging}_GONE"

    @property
    def columns(self) -> Columns:
        return {column.name: snowflake_type(column.kind) for column in self.dataset.columns}


MARTS = {
    mart.dataset.name: mart
    for mart in (GoldMart(CUSTOMER_ANALYTICS, "lifetime_value"), GoldMart(SALES_SUMMARY, "net_amount"))
}


def stage_files(mart: GoldMart, table: str, files: Sequence[str]) -> list[Statement]:
    return stage(table, mart.columns, files)


def count(table: str) -> Statement:
    return Statement(f"count rows of {table}", count_text(table))


def totals(mart: GoldMart, table: str) -> Statement:
    """The number of rows and the sum of the amount, in the mart or in its staging."""
    return Statement(
        f"add up {table}", f"SELECT COUNT(*), COALESCE(SUM({mart.amount}), 0) FROM {table}", kind=Kind.MART
    )


def replace_all(mart: GoldMart) -> list[Statement]:
    columns = ", ".join(mart.columns)
    text = f"INSERT OVERWRITE INTO {mart.table} ({columns})\nSELECT {columns}\nFROM {mart.staging}"
    return [Statement(f"replace {mart.table}", text, kind=Kind.MART)]


def exchange(mart: GoldMart) -> list[Statement]:
    """Delete the rows that are gone and insert the new ones. An INSERT that is sent twice finds its rows there."""
    columns = ", ".join(mart.columns)
    own = mart.table.split(".")[1]
    delete = f"DELETE FROM {mart.table}\nUSING {mart.gone} gone\nWHERE {_same_key(mart, own, 'gone')}"
    insert = f"""INSERT INTO {mart.table} ({columns})
SELECT {", ".join(f"staged.{column}" for column in mart.columns)}
FROM {mart.staging} staged
LEFT JOIN (SELECT {", ".join(mart.dataset.key)}, TRUE AS is_there FROM {mart.table}) known
    ON {_same_key(mart, "known", "staged")}
WHERE known.is_there IS NULL"""
    return [
        Statement(f"delete from {mart.table}", delete, kind=Kind.MART),
        Statement(f"insert into {mart.table}", insert, kind=Kind.MART),
    ]


def record(mart: GoldMart, snapshot_id: int, sequence: int, run_id: str, files: int) -> Statement:
    return record_load(mart.name, snapshot_id, sequence, run_id, files, mart.staging)


def _same_key(mart: GoldMart, one: str, other: str) -> str:
    return " AND ".join(
        f"{one}.{column.name} = {other}.{column.name}"
        if column.required
        else _same_or_null(column.name, one, other)
        for column in map(mart.dataset.column, mart.dataset.key)
    )


def _same_or_null(column: str, one: str, other: str) -> str:
    """Equalities alone: Snowflake joins by them with hashes, and by IS NOT DISTINCT FROM row by row."""
    texts = (f"COALESCE({side}.{column}::VARCHAR, '')" for side in (one, other))
    nulls = (f"({side}.{column} IS NULL)" for side in (one, other))
    return f"{' = '.join(texts)} AND {' = '.join(nulls)}"
