"""Statements that bring a copy from one snapshot of its lake table to another: all rows anew, or the files that differ.

A row never changes in the lake: its file is replaced. So the copy of a later snapshot is that of the earlier one without the
rows of the files that are gone, and with those of the files that are new. It is deleted and inserted, never updated, which
is also all that the pipeline's role may do in MARTS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.dialects.snowflake import snowflake_type
from contracts.language.dataset import Dataset
from contracts.shop.churn_outcomes import CHURN_OUTCOMES
from contracts.shop.churn_predictions import CHURN_PREDICTIONS
from contracts.shop.customer_analytics import CUSTOMER_ANALYTICS
from contracts.shop.sales_summary import SALES_SUMMARY
from warehouse.columns import Columns
from warehouse.load import record_load
from warehouse.load.staging import count_text, stage
from warehouse.statement import Kind, Statement


@dataclass(frozen=True)
class Copy:
    """A table of the warehouse that is a lake table's copy. The sum of `amount`, a column, tells whether it is complete."""

    dataset: Dataset
    amount: str
    namespace: str = "gold"
    schema: str = "MARTS"

    @property
    def name(self) -> str:
        """The lake's table; the name of the copy's head and of its loads."""
        return f"{self.namespace}.{self.dataset.name}"

    @property
    def table(self) -> str:
        return f"{self.schema}.{self.dataset.name.upper()}"

    @property
    def staging(self) -> str:
        return f"CURATED.{self.namespace.upper()}_{self.dataset.name.upper()}_STAGE"

    @property
    def gone(self) -> str:
        return f"{self.staging}_GONE"

    @property
    def columns(self) -> Columns:
        return {column.name: snowflake_type(column.kind) for column in self.dataset.columns}


COPIES = {
    copy.dataset.name: copy
    for copy in (
        Copy(CUSTOMER_ANALYTICS, "lifetime_value"),
        Copy(SALES_SUMMARY, "net_amount"),
        Copy(CHURN_PREDICTIONS, "decile", "ml", "ML_OUTPUTS"),
        Copy(CHURN_OUTCOMES, "horizon_days", "ml", "ML_OUTPUTS"),
    )
}


def stage_files(copy: Copy, table: str, files: Sequence[str]) -> list[Statement]:
    return stage(table, copy.columns, files)


def count(table: str) -> Statement:
    return Statement(f"count rows of {table}", count_text(table))


def totals(copy: Copy, table: str) -> Statement:
    """The number of rows and the sum of the amount, in the copy or in its staging."""
    return Statement(
        f"add up {table}", f"SELECT COUNT(*), COALESCE(SUM({copy.amount}), 0) FROM {table}", kind=Kind.MART
    )


def replace_all(copy: Copy) -> list[Statement]:
    columns = ", ".join(copy.columns)
    text = f"INSERT OVERWRITE INTO {copy.table} ({columns})\nSELECT {columns}\nFROM {copy.staging}"
    return [Statement(f"replace {copy.table}", text, kind=Kind.MART)]


def exchange(copy: Copy) -> list[Statement]:
    """Delete the rows that are gone and insert the new ones. An INSERT that is sent twice finds its rows there."""
    columns = ", ".join(copy.columns)
    own = copy.table.split(".")[1]
    delete = f"DELETE FROM {copy.table}\nUSING {copy.gone} gone\nWHERE {_same_key(copy, own, 'gone')}"
    insert = f"""INSERT INTO {copy.table} ({columns})
SELECT {", ".join(f"staged.{column}" for column in copy.columns)}
FROM {copy.staging} staged
LEFT JOIN (SELECT {", ".join(copy.dataset.key)}, TRUE AS is_there FROM {copy.table}) known
    ON {_same_key(copy, "known", "staged")}
WHERE known.is_there IS NULL"""
    return [
        Statement(f"delete from {copy.table}", delete, kind=Kind.MART),
        Statement(f"insert into {copy.table}", insert, kind=Kind.MART),
    ]


def record(copy: Copy, snapshot_id: int, sequence: int, run_id: str, files: int) -> Statement:
    return record_load(copy.name, snapshot_id, sequence, run_id, files, copy.staging)


def _same_key(copy: Copy, one: str, other: str) -> str:
    return " AND ".join(
        f"{one}.{column.name} = {other}.{column.name}"
        if column.required
        else _same_or_null(column.name, one, other)
        for column in map(copy.dataset.column, copy.dataset.key)
    )


def _same_or_null(column: str, one: str, other: str) -> str:
    """Equalities alone: Snowflake joins by them with hashes, and by IS NOT DISTINCT FROM row by row."""
    texts = (f"COALESCE({side}.{column}::VARCHAR, '')" for side in (one, other))
    nulls = (f"({side}.{column} IS NULL)" for side in (one, other))
    return f"{' = '.join(texts)} AND {' = '.join(nulls)}"
