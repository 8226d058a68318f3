"""The source's SQL calls a row broken if and only if the worker does."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from contracts.dialects import snowflake
from contracts.language.columns import one_of, optional, required
from contracts.language.dataset import ContractError, Dataset, Rule
from contracts.shop import EXTRACTED
from tasks.errors import DataError
from tasks.extraction.columns import SourceColumn, schema_of
from tasks.extraction.judging import REASONS, judge
from tasks.extraction.unload_sql import window

VALUES: dict[str, list[Any]] = {
    "text": ["", "x", "paid", "placed", "PAID", "it's", "a\\b", None],
    "integer": [-1, 0, 1, 2**62, None],
    "decimal(14,2)": [Decimal("-0.01"), Decimal("0.00"), Decimal("0.01"), None],
    "boolean": [True, False, None],
    "timestamp": [datetime(2026, 1, 1, tzinfo=UTC), None],
}


def generated(dataset: Dataset, count: int, seed: int) -> pa.Table:
    chosen = random.Random(seed)
    rows = [
        {column.name: chosen.choice(VALUES[column.kind]) for column in dataset.columns} for _ in range(count)
    ]
    return pa.Table.from_pylist(rows, schema=schema_of(dataset))


QUOTES = Dataset(
    domain="shop",
    name="quotes",
    description="Values that are hard to quote.",
    key=("a",),
    version_column="at",
    columns=(
        required("a", "text", "A.", one_of("it's", "x")),
        optional("b", "text", "B.", Rule("length", minimum=1, maximum=3)),
        optional("at", "timestamp", "When."),
    ),
)


@pytest.mark.parametrize("dataset", [*EXTRACTED.values(), QUOTES], ids=lambda dataset: dataset.name)
def test_both_call_the_same_rows_broken(dataset: Dataset) -> None:
    rows = generated(dataset, 2000, seed=15)
    good, broken = judge(dataset, rows)
    with duckdb.connect() as connection:
        connection.register("rows", rows)
        kept = connection.sql(f"SELECT * FROM rows WHERE NOT ({snowflake.broken(dataset)})").to_arrow_table()
        gone = connection.sql(f"SELECT * FROM rows WHERE {snowflake.broken(dataset)}").to_arrow_table()
    assert kept.to_pylist() == good.to_pylist()
    assert gone.to_pylist() == broken.drop_columns([REASONS.name]).to_pylist()
    assert good.num_rows
    assert broken.num_rows


def test_a_backslash_is_written_twice() -> None:
    assert snowflake.literal("a\\b'c") == "'a\\\\b''c'"


def test_a_rule_that_has_no_sql_is_named() -> None:
    with pytest.raises(ContractError, match="pattern"):
        snowflake._broken(Rule("pattern", pattern="a"), '"a"')


def test_the_whole_statement() -> None:
    """A zone is a matter of text here: the local Snowflake keeps instants, and no offsets."""
    schema = pa.schema(
        [("product_id", pa.string()), ("brand", pa.string()), ("updated_at", pa.timestamp("us", "UTC"))]
    )
    found = [
        SourceColumn("product_id", "PRODUCT_ID", "VARCHAR", pa.string()),
        SourceColumn("updated_at", "UPDATED_AT", "TIMESTAMP_TZ", pa.timestamp("us", "UTC")),
    ]
    text = "SELECT * FROM P WHERE updated_at > :low AND updated_at <= :high"
    rules = replace(
        QUOTES,
        columns=(required("product_id", "text", "Key."), optional("at", "timestamp", "When.")),
        key=("product_id",),
    )
    bound = window("products", rules, schema, found, text, "low", "high").copy(
        "PUBLIC.LAKE/bronze/x/part", {pa.field("run_id", pa.string()): "run"}
    )
    assert " ".join(bound.sql.split()) == (
        'COPY INTO @PUBLIC.LAKE/bronze/x/part FROM ( SELECT CAST("product_id" AS VARCHAR) AS "product_id", '
        'CAST("brand" AS VARCHAR) AS "brand", CAST("updated_at" AS TIMESTAMP_NTZ) AS "updated_at", '
        'CAST(? AS VARCHAR) AS "run_id" FROM ( SELECT CAST("PRODUCT_ID" AS VARCHAR) AS "product_id", '
        'CAST(NULL AS VARCHAR) AS "brand", '
        "CAST(DATE_TRUNC('MICROSECOND', CONVERT_TIMEZONE('UTC', \"UPDATED_AT\")) AS TIMESTAMP_NTZ) AS \"updated_at\" "
        "FROM ( SELECT * FROM P WHERE updated_at > ? AND updated_at <= ? ) extracted ) typed "
        'WHERE NOT ("product_id" IS NULL) ) FILE_FORMAT = (TYPE = PARQUET COMPRESSION = SNAPPY) HEADER = TRUE '
        "MAX_FILE_SIZE = 268435456 INCLUDE_QUERY_ID = TRUE"
    )
    assert bound.values == ("run", "low", "high")


def test_a_type_that_no_file_has_as_bronze_does_is_refused() -> None:
    schema = pa.schema([("payload", pa.binary())])
    with pytest.raises(DataError, match=r"products\.payload: binary can't be unloaded"):
        window("products", QUOTES, schema, [], "SELECT 1", "low", "high").broken()
