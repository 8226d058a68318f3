"""Histories and newest versions in DuckDB: islands of equal states, where Spark compares neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import duckdb

from contracts.language.dataset import Dataset
from tests.jobs.shop.customer_world import Row, micros

_TYPES = {"text": "VARCHAR", "boolean": "BOOLEAN", "timestamp": "BIGINT", "decimal(14,2)": "DECIMAL(14,2)"}
BEGINNING = -62_135_596_800_000_000
OPEN_END = 253_402_214_400_000_000

_DATED = """
    CREATE VIEW dated AS
    SELECT b.* EXCLUDE (moment), CASE
        WHEN NOT is_tombstone AND EXISTS (
            SELECT 1 FROM based AS t
            WHERE t.key = b.key AND t.is_tombstone AND t.moment >= b.moment AND t.extracted < b.extracted
        ) THEN extracted ELSE moment END AS moment
    FROM based AS b;
    CREATE VIEW standing AS
    SELECT DISTINCT ON (key, moment) *, is_tombstone OR coalesce(is_deleted, false) AS is_gone
    FROM dated ORDER BY key, moment, is_tombstone DESC, extracted DESC, digest DESC
"""
HISTORY = f"""
    WITH marked AS (
        SELECT *, CASE WHEN is_gone THEN 'gone' ELSE content END AS told,
            row_number() OVER (PARTITION BY key ORDER BY moment)
                - row_number() OVER (PARTITION BY key, told ORDER BY moment) AS island
        FROM standing
    ), islands AS (
        SELECT key, min(moment) AS since, any_value(is_gone) AS is_gone FROM marked GROUP BY key, told, island
    )
    SELECT a.key, a.since, coalesce(min(b.since), {OPEN_END}) AS until
    FROM islands AS a LEFT JOIN islands AS b ON b.key = a.key AND b.since > a.since
    WHERE NOT a.is_gone GROUP BY ALL
"""
"""Each key with the times in which its content stayed the same."""
NEWEST = """
    WITH known AS (
        SELECT DISTINCT ON (key) key, struct_pack(product_name, unit_price, is_active, updated_at) AS shown
        FROM standing WHERE NOT is_tombstone ORDER BY key, moment DESC
    ), last AS (SELECT key, arg_max(is_gone, moment) AS is_gone FROM standing GROUP BY key)
    SELECT key, shown.product_name, shown.unit_price, shown.is_active, shown.updated_at, is_gone
    FROM known JOIN last USING (key)
"""
"""Each product with its newest content, and whether it is gone."""


def asked(
    dataset: Dataset, rows: Iterable[Row], digest: Any, tracked: Sequence[str], question: str
) -> set[tuple[Any, ...]]:
    """The answer over these rows of bronze. Moments are microseconds, so that the first and the last day are numbers."""
    columns = ", ".join(f"{column.name} {_TYPES[column.kind]}" for column in dataset.columns)
    given = [
        (
            *(_plain(row[name]) for name in dataset.names),
            micros(row["extraction_timestamp"]),
            row["is_tombstone"],
            digest(row),
        )
        for row in rows
    ]
    with duckdb.connect() as engine:
        engine.execute(
            f"CREATE TABLE bronze ({columns}, extracted BIGINT, is_tombstone BOOLEAN, digest VARCHAR)"
        )
        marks = ", ".join("?" * (len(dataset.names) + 3))
        engine.executemany(f"INSERT INTO bronze VALUES ({marks})", given)
        content = ", ".join(f"{name} := {name}" for name in tracked)
        engine.execute(
            f"CREATE VIEW based AS SELECT *, {dataset.key[0]} AS key, struct_pack({content})::VARCHAR AS content, "
            f"coalesce(updated_at, created_at, {BEGINNING}) AS moment FROM bronze"
        )
        engine.execute(_DATED)
        return set(engine.sql(question).fetchall())


def _plain(value: Any) -> Any:
    return micros(value) if isinstance(value, datetime) else value
