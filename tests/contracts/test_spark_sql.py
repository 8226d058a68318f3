"""What comes out of the stages besides typed values: raw values, what is kept aside, digests, odd Parquet types."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.catalog import contract
from contracts.dialects.drift import delivered_columns
from contracts.dialects.spark_sql import broken, content_sha256, spark_schema, stages
from contracts.language.dataset import Rule

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

GOOD = {
    "order_id": "O1",
    "sku_code": "sku-1",
    "customer_id": "C1",
    "region_code": "in-mh",
    "quantity": "5",
    "net_revenue": "100.5",
    "order_date": "2025-01-04",
    "channel": "Modern Trade",
}


def run(spark: SparkSession, folder: Path, table: pa.Table, dataset: str = "sales") -> list[dict[str, Any]]:
    spark.conf.set("spark.sql.legacy.parquet.nanosAsLong", "true")
    dataset, path = contract(dataset), folder / "file.parquet"
    pq.write_table(table, path)
    delivered = delivered_columns(pq.read_schema(path), str(path))
    frame = spark.read.schema(spark_schema(delivered)).parquet(str(path))
    frame = frame.selectExpr("*", "DATE'2025-01-05' AS source_date", "'s3://lake/f' AS source_file")
    for stage in stages(dataset, delivered):
        frame = frame.selectExpr(*stage)
    return [row.asDict() for row in frame.selectExpr("*", f"{content_sha256(dataset)} AS digest").collect()]


def test_schema_leaves_out_what_spark_cannot_read_and_what_would_hide_our_own_columns() -> None:
    columns = {"a": "string", "b`c": "timestamp_nanos", "d": "void", "e": "time", "source_file": "string"}
    assert spark_schema(columns) == "`a` string, `b``c` bigint"


def test_a_rule_that_spark_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unheard_of.*cannot be written as Spark SQL"):
        broken(Rule("unheard_of"), "x")


@pytest.mark.spark
def test_a_valid_row_has_no_reasons_no_raw_values_and_its_extras_aside(
    spark: SparkSession, tmp_path: Path
) -> None:
    extra = {"odd name.`x`": "kept", "reasons": "mine", "raw__quantity": "q", "Nothing": None}
    odd = {"gross_revenue": "12 INR", "changed_at": "yesterday", "promo_id": " ", "is_promo_sale": "Y"}
    [row] = run(spark, tmp_path, pa.Table.from_pylist([{**GOOD, **odd, **extra}]))
    assert (row["reasons"], row["raw_values"]) == ([], None)
    assert json.loads(row["kept_aside"]) == {
        "extra": {"odd name.`x`": "kept", "reasons": "mine", "raw__quantity": "q"},
        "uncast": {"gross_revenue": "12 INR", "changed_at": "yesterday"},
    }
    assert (row["sku_code"], row["quantity"], row["net_revenue"]) == ("SKU-1", 5, Decimal("100.5000"))
    assert (row["channel"], row["order_date"], row["is_promo_sale"]) == (
        "modern_trade",
        dt.date(2025, 1, 4),
        True,
    )
    assert (row["gross_revenue"], row["changed_at"], row["cost_of_goods"]) == (None, None, None)
    assert (row["source_date"], row["source_file"]) == (dt.date(2025, 1, 5), "s3://lake/f")


@pytest.mark.spark
def test_a_broken_row_keeps_every_raw_value_nulls_included(spark: SparkSession, tmp_path: Path) -> None:
    raw = {**GOOD, "quantity": "5 pcs", "order_date": "2025-01-06", "customer_id": " ", "note": None}
    [row] = run(
        spark, tmp_path, pa.Table.from_pylist([raw], schema=pa.schema([(n, pa.string()) for n in raw]))
    )
    assert row["reasons"] == ["customer_id:missing", "order_date:future", "quantity:type"]
    assert json.loads(row["raw_values"]) == raw
    assert row["kept_aside"] is None


@pytest.mark.spark
def test_optional_values_that_break_a_rule_become_null_and_are_kept(
    spark: SparkSession, tmp_path: Path
) -> None:
    raw = {
        "promo_id": "P1",
        "sku_code": "S",
        "region_code": "R",
        "week": "2025-01-06",
        "promo_discount_pct": 25.0,
    }
    [row] = run(spark, tmp_path, pa.Table.from_pylist([raw]), "promotions")
    assert (row["reasons"], row["promo_discount_pct"]) == ([], None)
    assert json.loads(row["kept_aside"]) == {"uncast": {"promo_discount_pct": "25.0"}}


@pytest.mark.spark
def test_the_digest_is_the_same_however_the_row_was_delivered(spark: SparkSession, tmp_path: Path) -> None:
    text = pa.Table.from_pylist([{**GOOD, "changed_at": "2025-01-04T12:30:00+05:30", "cost_of_goods": "0"}])
    typed = pa.Table.from_pylist(
        [
            {
                **GOOD,
                "quantity": 5.0,
                "net_revenue": Decimal("100.50"),
                "order_date": dt.date(2025, 1, 4),
                "channel": " MODERN-TRADE",
                "changed_at": dt.datetime(2025, 1, 4, 7),
                "cost_of_goods": -0.0,
                "extra": 1,
            }
        ]
    )
    [first], [second] = run(spark, tmp_path, text), run(spark, tmp_path, typed)
    assert first["digest"] == second["digest"]
    assert len(first["digest"]) == 64


@pytest.mark.spark
def test_the_digest_tells_apart_what_differs(spark: SparkSession, tmp_path: Path) -> None:
    """A null from a value, one column from the next, and texts that try to look like two columns."""
    sku = {"sku_code": "S", "sku_name": None, "brand": None, "category": None}
    rows: list[dict[str, Any]] = [
        sku,
        {**sku, "sku_name": "a"},
        {**sku, "brand": "a"},
        {**sku, "sku_name": "a|1:b"},
        {**sku, "sku_name": "a", "brand": "b"},
        {**sku, "sku_name": "a", "category": "b"},
        {**sku, "sku_name": "|"},
        {**sku, "sku_name": "0:"},
        {**sku, "sku_name": "a|b"},
        {**sku, "sku_name": "a", "brand": "b|c"},
        {**sku, "sku_name": "a|b", "brand": "c"},
    ]
    seen = run(spark, tmp_path, pa.Table.from_pylist(rows), "sku")
    assert len({row["digest"] for row in seen}) == len(rows)


@pytest.mark.spark
def test_parquet_types_that_spark_reads_otherwise_or_not_at_all(spark: SparkSession, tmp_path: Path) -> None:
    instant = dt.datetime(2025, 1, 4, 7)
    table = pa.table(
        {
            **{
                name: pa.array([text])
                for name, text in GOOD.items()
                if name not in ("quantity", "order_date")
            },
            "QUANTITY": pa.array([5], pa.uint64()),
            "order_date": pa.array([instant], pa.timestamp("ns")),
            "changed_at": pa.array([instant], pa.timestamp("ns", "Asia/Kolkata")),
            "promo_id": pa.nulls(1),
            "gross_revenue": pa.array([1.25], pa.float32()),
            "region_code": pa.array(["r1"]).dictionary_encode(),
            "at": pa.array([dt.time(7)], pa.time64("us")),
            "took": pa.array([dt.timedelta(1)]),
            "nested time": pa.array([{"a": dt.time(7)}]),
            "tags": pa.array([["a", "b"]]),
            "pair": pa.array([{"a": 1}]),
            "blob": pa.array([b"\xff"]),
            "seen": pa.array([instant], pa.timestamp("ns")),
        }
    )
    [row] = run(spark, tmp_path, table)
    assert (row["reasons"], row["quantity"], row["order_date"]) == ([], 5, dt.date(2025, 1, 4))
    assert (row["changed_at"], row["gross_revenue"], row["promo_id"]) == (instant, Decimal("1.2500"), None)
    aside = json.loads(row["kept_aside"])["extra"]
    assert sorted(aside) == ["blob", "pair", "seen", "tags"]
    assert aside["tags"] == '["a","b"]'
    assert aside["pair"] == '{"a":1}'
    assert aside["blob"].rstrip("=") == "/w"
    assert aside["seen"] == "2025-01-04 07:00:00"
