"""Typed rows by a contract's rules: a null in the key, or a value that breaks a rule, sends a row to quarantine.

Unlike a delivered file's, an optional column's broken value is not set to null: the source is a database, whose row says
what it says.
"""

from __future__ import annotations

from functools import cache

import duckdb
import pyarrow as pa

from contracts.dialects import duckdb_sql
from contracts.dialects.duckdb_values import literal, name
from contracts.language.dataset import Dataset

REASONS = pa.field("reasons", pa.list_(pa.string()))


def judge(dataset: Dataset, rows: pa.Table) -> tuple[pa.Table, pa.Table]:
    """The good rows, and the broken ones with their reasons."""
    with _engine().cursor() as connection:
        connection.register("judged", rows)
        broken = connection.sql(_broken(dataset)).to_arrow_table()
    if not broken.num_rows:
        return rows, rows.slice(0, 0).append_column(REASONS, pa.array([], REASONS.type))
    places = broken.column("_place").to_numpy()
    is_broken = pa.array([False] * rows.num_rows).to_numpy(zero_copy_only=False)
    is_broken[places] = True
    reasons = pa.chunked_array(broken.column("reasons").chunks, REASONS.type)
    return rows.filter(pa.array(~is_broken)), rows.take(pa.array(places)).append_column(REASONS, reasons)


def _broken(dataset: Dataset) -> str:
    cases = {f"{column.name}:missing": f"{name(column.name)} IS NULL" for column in dataset.required}
    for column in dataset.columns:
        for rule in column.rules:
            cases[f"{column.name}:{rule.name}"] = duckdb_sql.broken(rule, name(column.name))
    found = ", ".join(f"CASE WHEN {cases[reason]} THEN {literal(reason)} END" for reason in sorted(cases))
    columns = ", ".join(name(column.name) for column in dataset.columns if column.required or column.rules)
    return f"""SELECT _place, list_filter([{found}], lambda reason: reason IS NOT NULL) AS reasons
FROM (SELECT row_number() OVER () - 1 AS _place, {columns} FROM judged)
WHERE {" OR ".join(f"({case})" for case in cases.values())}
ORDER BY _place"""  # noqa: S608 - of a contract's names alone


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 1})
