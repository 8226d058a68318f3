"""Pandera, Spark and DuckDB must judge every row alike and see the same values, however the file delivered it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.catalog import DATASETS
from contracts.dialects import duckdb_sql
from contracts.dialects.drift import delivered_columns
from contracts.dialects.spark_sql import spark_schema, stages
from contracts.language.columns import at_least, below, one_of, required
from contracts.language.dataset import Column, Dataset
from contracts.language.kinds import TEXT_KINDS
from contracts.language.nested import element_of, fields_of
from tests.contracts.batches import (
    AGREEMENT,
    RAW_DATE,
    ROWS,
    judged_by_pandera,
    text_batch,
    typed_batch,
)
from tests.contracts.every import EVERY_KIND, EVERY_NESTED, EVERY_RULE
from tests.contracts.values import value_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

JUDGED = DATASETS | {dataset.table: dataset for dataset in (EVERY_RULE, EVERY_KIND, EVERY_NESTED)}


def judged_by_spark(
    spark: SparkSession, dataset: Dataset, table: pa.Table, folder: Path
) -> list[dict[str, Any]]:
    """One file, one read, one select: as the job does it."""
    path = folder / "batch.parquet"
    pq.write_table(table.append_column("row", pa.array(range(len(table)), pa.int64())), path)
    delivered = delivered_columns(pq.read_schema(path), str(path))
    frame = spark.read.schema(spark_schema(delivered)).parquet(str(path))
    frame = frame.selectExpr("*", f"DATE'{RAW_DATE}' AS source_date", "'f' AS source_file")
    for column in dataset.provided:
        frame = frame.selectExpr("*", f"'2025-W01' AS {column}")
    for stage in stages(dataset, delivered):
        frame = frame.selectExpr(*stage)
    shown = [f"{in_micros_by_spark(column.kind, column.name)} AS {column.name}" for column in dataset.columns]
    rows = frame.selectExpr(
        "get_json_object(kept_aside, '$.extra.row') AS row", *shown, "reasons", "raw_values"
    )
    found = sorted((row.asDict(recursive=True) for row in rows.collect()), key=lambda row: int(row["row"]))
    for column in dataset.columns:
        for row in found:
            row[column.name] = with_times(column.kind, row[column.name])
    return found


def in_micros_by_spark(kind: str, at: str) -> str:
    if (element := element_of(kind)) is not None:
        return f"transform({at}, x -> {in_micros_by_spark(element, 'x')})"
    if fields := fields_of(kind):
        members = ", ".join(f"'{f}', {in_micros_by_spark(k, f'{at}.{f}')}" for f, k in fields.items())
        return f"CASE WHEN {at} IS NOT NULL THEN named_struct({members}) END"
    return f"unix_micros({at})" if kind == "timestamp" else at


def with_times(kind: str, value: Any) -> Any:
    """A time of day is text in Spark."""
    if (element := element_of(kind)) is not None:
        return value and [with_times(element, part) for part in value]
    if fields := fields_of(kind):
        return value and {field: with_times(inside, value[field]) for field, inside in fields.items()}
    return dt.time.fromisoformat(value) if kind == "time" and value else value


def agree(spark: SparkSession, dataset: Dataset, table: pa.Table, folder: Path) -> None:
    spark_rows, pandera_rows = (
        judged_by_spark(spark, dataset, table, folder),
        judged_by_pandera(dataset, table),
    )
    assert len(spark_rows) == len(pandera_rows) == ROWS
    for at, (ours, theirs) in enumerate(zip(spark_rows, pandera_rows, strict=True)):
        seen = {name: ours[name] for name in theirs}
        assert seen == theirs, f"row {at}: {table.slice(at, 1).to_pylist()}\nschema {table.schema}"
        assert (ours["raw_values"] is None) == (ours["reasons"] == [])
        if ours["raw_values"]:
            read_again(dataset, json.loads(ours["raw_values"]), theirs)


def read_again(dataset: Dataset, raw: dict[str, str | None], seen: dict[str, Any]) -> None:
    """A replay reads raw values as text, and must see the valid values that the run saw."""
    for column in dataset.required:
        if seen[column.name] is not None and column.name in raw:
            assert value_of(column.kind, raw[column.name]) == seen[column.name], (column.name, raw)


Batch = Callable[[Dataset], st.SearchStrategy[pa.Table]]


@pytest.mark.spark
@pytest.mark.parametrize("batch", [text_batch, typed_batch], ids=["text", "typed"])
@pytest.mark.parametrize("dataset", list(JUDGED))
def test_pandera_and_spark_agree_on_every_row(
    dataset: str, batch: Batch, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp(dataset)
    spark.conf.set("spark.sql.legacy.parquet.nanosAsLong", "true")

    @AGREEMENT
    @given(table=batch(JUDGED[dataset]))
    def check(table: pa.Table) -> None:
        agree(spark, JUDGED[dataset], table, folder)

    check()


def judged_by_duckdb(dataset: Dataset, table: pa.Table) -> list[dict[str, Any]]:
    connection = duckdb.connect()
    rows = table.append_column("row", pa.array(range(len(table)), pa.int64()))
    for column in dataset.provided:
        rows = rows.append_column(column, pa.array(["2025-W01"] * len(table)))
    connection.register("rows", rows)
    query = duckdb_sql.select(dataset, table.column_names, "(FROM rows ORDER BY row)", RAW_DATE)
    shown = ", ".join(
        f"{in_micros_by_duckdb(column.kind, column.name)} AS {column.name}" for column in dataset.columns
    )
    found: list[dict[str, Any]] = (
        connection.sql(f"SELECT {shown}, reasons FROM ({query})").to_arrow_table().to_pylist()
    )
    return found


def in_micros_by_duckdb(kind: str, at: str) -> str:
    if (element := element_of(kind)) is not None:
        return f"list_transform({at}, lambda x: {in_micros_by_duckdb(element, 'x')})"
    if fields := fields_of(kind):
        members = ", ".join(f"'{f}': {in_micros_by_duckdb(k, f'{at}.{f}')}" for f, k in fields.items())
        return f"CASE WHEN {at} IS NOT NULL THEN {{{members}}} END"
    return f"epoch_us({at})" if kind == "timestamp" else at


class _DrewEnough(Exception):
    pass


@pytest.mark.parametrize("dataset", list(JUDGED))
def test_pandera_and_duckdb_agree_on_every_row_of_text(dataset: str) -> None:
    """Drawn until every reason was reached, and valid rows too: agreement on rows that are all alike proves little."""
    wanted = {f"{column.name}:{rule}" for column in JUDGED[dataset].required for rule in reachable(column)}
    reached: set[str] = set()
    valid = batches = 0

    @settings(AGREEMENT, max_examples=100)
    @given(table=text_batch(JUDGED[dataset]))
    def check(table: pa.Table) -> None:
        nonlocal valid, batches
        if batches >= 8 and reached == wanted and valid > 50:
            raise _DrewEnough
        batches += 1
        ours = judged_by_duckdb(JUDGED[dataset], table)
        theirs = judged_by_pandera(JUDGED[dataset], table)
        for at, (seen, expected) in enumerate(zip(ours, theirs, strict=True)):
            assert seen == expected, f"row {at}: {table.slice(at, 1).to_pylist()}"
            reached.update(expected["reasons"])
            valid += expected["reasons"] == []

    with suppress(_DrewEnough):  # the only way to tell hypothesis that it has drawn enough
        check()
    assert reached == wanted
    assert valid > 50


def reachable(column: Column) -> set[str]:
    """A text that is text already always casts; the shortest identifier is one character, a blank is missing."""
    rules = {"missing", *(rule.name for rule in column.rules)}
    return rules if column.kind in TEXT_KINDS else rules | {"type"}


def test_duckdb_says_that_a_required_column_is_missing() -> None:
    table = pa.table({"region_code": ["NORTH"], "zone": ["N"]})
    assert judged_by_duckdb(DATASETS["geography"], table)[0]["reasons"] == []
    assert judged_by_duckdb(DATASETS["geography"], table.drop(["region_code"]))[0]["reasons"] == [
        "region_code:missing"
    ]


AT_THE_EDGES = Dataset(
    domain="test",
    name="edges",
    description="Rules of numbers, which a row has to keep.",
    key=("code",),
    columns=(
        required("code", "code", "Its code."),
        required("discount", "number", "Never all of it.", at_least(0), below(1)),
        required("grade", "integer", "One of three.", one_of(1, 2, 30)),
    ),
)
EDGES = {
    ("0", "1"): [],
    ("0.9999999", "30.0"): [],
    ("1", "2"): ["discount:range"],
    ("1.0000001", "2"): ["discount:range"],
    ("-0.0000001", "3"): ["discount:range", "grade:allowed"],
    ("0.5", "-1"): ["grade:allowed"],
    ("0.5", "1e0"): ["grade:type"],
}


@pytest.mark.spark
def test_all_dialects_agree_at_the_edges_of_numbers(spark: SparkSession, tmp_path: Path) -> None:
    discounts, grades = zip(*EDGES, strict=True)
    codes = [f"C{n}" for n in range(len(EDGES))]
    table = pa.table({"code": codes, "discount": list(discounts), "grade": list(grades)})
    wanted = list(EDGES.values())
    assert [row["reasons"] for row in judged_by_pandera(AT_THE_EDGES, table)] == wanted
    assert [row["reasons"] for row in judged_by_duckdb(AT_THE_EDGES, table)] == wanted
    assert [row["reasons"] for row in judged_by_spark(spark, AT_THE_EDGES, table, tmp_path)] == wanted


@pytest.mark.spark
def test_raw_values_are_written_so_that_a_replay_reads_the_same(spark: SparkSession, tmp_path: Path) -> None:
    prices, rates = [12345678.9, 0.25, 0.001], [Decimal("1e-10"), Decimal(0), Decimal("123.45")]
    table = pa.table(
        {
            "code": pa.array([None] * 3, pa.string()),
            "opens_at": ["09:30"] * 3,
            "closes_at": ["17:00"] * 3,
            "started_at": [dt.date(2025, 1, 4)] * 3,
            "price": prices,
            "rate": pa.array(rates, pa.decimal128(38, 10)),
            "properties": ['{"a": 1}'] * 3,
        }
    )
    rows = judged_by_spark(spark, EVERY_KIND, table, tmp_path)
    assert [row["price"] for row in rows] == [Decimal("12345678.90"), Decimal("0.25"), None]
    raw = [json.loads(row["raw_values"]) for row in rows]
    assert [row["price"] for row in raw] == ["12345678.9", "0.25", "0.001"]
    assert [row["rate"] for row in raw] == ["0.0000000001", "0", "123.4500000000"]
    assert {row["started_at"] for row in raw} == {"2025-01-04 00:00:00"}
    for row, text in zip(rows, raw, strict=True):
        read_again(EVERY_KIND, text, row)


@pytest.mark.spark
def test_a_replay_reads_ids_days_and_large_numbers_of_a_typed_file_alike(
    spark: SparkSession, tmp_path: Path
) -> None:
    table = pa.table(
        {
            "order_id": [1001.0],
            "sku_code": pa.array([Decimal("7.00")], pa.decimal128(10, 2)),
            "customer_id": ["C1"],
            "region_code": pa.array([None], pa.string()),
            "quantity": [12345678.0],
            "net_revenue": [12345678.0],
            "order_date": pa.array([dt.datetime(2025, 1, 4)], pa.timestamp("us", "UTC")),
            "channel": ["ecommerce"],
        }
    )
    (row,) = judged_by_spark(spark, DATASETS["sales"], table, tmp_path)
    raw = json.loads(row["raw_values"])
    assert (raw["order_id"], raw["sku_code"], raw["quantity"]) == ("1001", "7", "12345678")
    assert (raw["order_date"], raw["net_revenue"]) == ("2025-01-04", "1.2345678E7")
    read_again(DATASETS["sales"], raw, row)
