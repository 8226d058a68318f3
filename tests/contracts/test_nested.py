"""Arrays and structs: what is one, what a file may deliver, and what becomes of it in each dialect."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.dialects import duckdb_nested, duckdb_values, spark_nested
from contracts.dialects.drift import Drift, SchemaDrift, check, delivered_columns
from contracts.dialects.snowflake import snowflake_type
from contracts.dialects.spark_sql import content_hash, content_sha256, spark_schema, stages
from contracts.dialects.spark_values import trimmed
from contracts.language.columns import required
from contracts.language.dataset import ContractError, Dataset
from contracts.language.nested import element_of, fields_of, is_known
from tests.contracts.every import BASKETS, PRICE
from tests.contracts.values import value_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_kinds_of_what_is_inside() -> None:
    assert element_of("array(decimal(9,2))") == "decimal(9,2)"
    assert fields_of(PRICE) == {"amount": "decimal(12,2)", "currency": "code"}
    assert (element_of(PRICE), fields_of("array(code)"), fields_of("code")) == (None, {}, {})


@pytest.mark.parametrize(
    "kind",
    [
        "array()",
        "array(json)",
        "array(array(code))",
        "array(decimal(39,2))",
        "array(kind)",
        "struct()",
        "struct(code)",
        "struct(a code,)",
        "struct(A code)",
        "struct(a code, a text)",
        "struct(a json)",
        "struct(a array(code))",
    ],
)
def test_what_is_no_kind(kind: str) -> None:
    assert not is_known(kind)
    with pytest.raises(ContractError, match="is of the unknown kind"):
        Dataset("test", "odd", "Odd things.", (required("code", kind, "Its code."),), ("code",))


def test_an_array_cannot_be_a_key() -> None:
    with pytest.raises(
        ContractError, match=r"key columns \['skus'\] are not required columns of a plain kind"
    ):
        Dataset("test", "odd", "Odd things.", (required("skus", "array(code)", "Its articles."),), ("skus",))


DELIVERED = {"code": "string", "skus": "array<string>", "price": "struct<`amount`:double,`currency`:string>"}


@pytest.mark.parametrize(
    ("column", "type_name"),
    [
        ("skus", "string"),
        ("skus", "array<bigint>"),
        ("price", "void"),
        ("price", "struct<`currency`:string>"),
        ("price", "struct<`currency`:string,`amount`:decimal(38,10)>"),
    ],
)
def test_types_that_can_be_read(column: str, type_name: str) -> None:
    assert check(BASKETS, {**DELIVERED, column: type_name}, "f") == Drift((), ())


@pytest.mark.parametrize(
    ("column", "type_name"),
    [
        ("code", "array<string>"),
        ("skus", "bigint"),
        ("skus", "array<boolean>"),
        ("skus", "array<void>"),
        ("skus", "array<array<string>>"),
        ("skus", "map<string,string>"),
        ("skus", "struct<`a`:string>"),
        ("price", "array<string>"),
        ("price", "struct<`amount`:boolean>"),
        ("price", "struct<`amount`:double,`Currency`:string>"),
        ("price", "struct<`amount`:double,`tax`:double>"),
        ("price", "struct<`amount`:struct<`value`:double>>"),
    ],
)
def test_types_that_cannot(column: str, type_name: str) -> None:
    with pytest.raises(SchemaDrift) as stopped:
        check(BASKETS, {**DELIVERED, column: type_name}, "f")
    assert f"{column} is {type_name} and can never be a {BASKETS.column(column).kind}" in str(stopped.value)


WRITTEN: list[tuple[str, str, Any]] = [
    ("array(code)", ' [ "sku-1" , null, " ", 1001, true ] ', ["SKU-1", None, None, "1001", "TRUE"]),
    ("array(code)", "[]", []),
    ("array(code)", '["a" "b"]', None),
    ("array(code)", '["a",]', None),
    ("array(code)", '[["a"]]', None),
    ("array(code)", '{"a": 1}', None),
    ("array(code)", "a", None),
    ("array(text)", r'["\u00e9\n|", "\ud83d\ude00", "\"\\"]', ["é\n|", "😀", '"\\']),
    ("array(text)", r'["\ud800"]', None),
    ("array(text)", "[1.50, 1E2]", ["1.50", "1E2"]),
    ("array(decimal(14,2))", '[999999999999.99, "0.10"]', [Decimal("999999999999.99"), Decimal("0.10")]),
    ("array(decimal(14,2))", "[1.005]", None),
    ("array(integer)", '[5, "5.0", 9223372036854775807]', [5, 5, 9223372036854775807]),
    ("array(integer)", "[5, 5.5]", None),
    ("array(integer)", "[05]", None),
    ("array(boolean)", '[true, "no", 1]', [True, False, True]),
    ("array(date)", '["2025-01-05", "2025-02-30"]', None),
    (PRICE, '{"currency": "eur", "amount": 12.50}', {"amount": Decimal("12.50"), "currency": "EUR"}),
    (PRICE, r'{"\u0061mount": "1"}', {"amount": Decimal("1.00"), "currency": None}),
    (PRICE, "{}", {"amount": None, "currency": None}),
    (PRICE, '{"amount": "twelve"}', None),
    (PRICE, '{"amount": 1, "amount": 1}', None),
    (PRICE, '{"amount": 1, "tax": 1}', None),
    (PRICE, '{"Amount": 1}', None),
    (PRICE, '{"amount": {"value": 1}}', None),
    (PRICE, '["amount", 1]', None),
]


@pytest.mark.parametrize(("kind", "text", "expected"), WRITTEN)
def test_python_and_duckdb_read_json_text(kind: str, text: str, expected: Any) -> None:
    assert value_of(kind, text) == expected
    query = (
        f"SELECT {duckdb_nested.value(kind, duckdb_values.trimmed('raw'))} FROM (SELECT ?::VARCHAR AS raw)"
    )
    assert duckdb.execute(query, [text]).fetchall() == [(expected,)]


@pytest.mark.spark
def test_spark_reads_json_text_the_same(spark: SparkSession) -> None:
    rows = spark.createDataFrame([(text,) for _, text, _ in WRITTEN], "raw string").coalesce(1)
    rows = rows.selectExpr(f"{trimmed('raw')} AS text")
    kinds = sorted({kind for kind, _, _ in WRITTEN})
    seen = rows.selectExpr(*(f"{spark_nested.value(kind, 'string', 'text')} AS `{kind}`" for kind in kinds))
    got = [row.asDict(recursive=True) for row in seen.collect()]
    assert [row[kind] for row, (kind, _, _) in zip(got, WRITTEN, strict=True)] == [
        expected for _, _, expected in WRITTEN
    ]


@pytest.mark.spark
def test_a_very_long_array_is_read(spark: SparkSession) -> None:
    text = json.dumps(["x" * 10_000, *(str(n) for n in range(20_000))])
    rows = spark.createDataFrame([(text,)], "text string")
    assert rows.selectExpr(f"size({spark_nested.value('array(text)', 'string', 'text')})").collect() == [
        (20_001,)
    ]


def staged(spark: SparkSession, folder: Path, table: pa.Table) -> list[dict[str, Any]]:
    path = folder / "file.parquet"
    pq.write_table(table, path)
    delivered = delivered_columns(pq.read_schema(path), str(path))
    check(BASKETS, delivered, str(path))
    frame = spark.read.schema(spark_schema(delivered)).parquet(str(path))
    frame = frame.selectExpr("*", "DATE'2025-01-05' AS source_date", "'s3://lake/f' AS source_file")
    for stage in stages(BASKETS, delivered):
        frame = frame.selectExpr(*stage)
    digests = (f"{content_hash(BASKETS)} AS hash", f"{content_sha256(BASKETS)} AS digest")
    return [row.asDict(recursive=True) for row in frame.selectExpr("*", *digests).collect()]


@pytest.mark.spark
def test_nested_parquet_is_cast_member_by_member_and_kept_as_json(
    spark: SparkSession, tmp_path: Path
) -> None:
    price = pa.struct([("amount", pa.float64()), ("currency", pa.string())])
    table = pa.table(
        {
            "code": pa.array(["c1", "c2", None], pa.string()),
            "skus": pa.array([[1001.0, None], None, [7.0]], pa.list_(pa.float64())),
            "price": pa.array([{"amount": 0.1, "currency": " eur "}, {"amount": 0.125}, None], price),
        }
    )
    first, second, third = staged(spark, tmp_path, table)
    assert (first["skus"], first["reasons"]) == (["1001", None], [])
    assert first["price"] == {"amount": Decimal("0.10"), "currency": "EUR"}
    assert (second["price"], second["reasons"]) == (None, ["skus:missing"])
    assert json.loads(second["kept_aside"]) == {"uncast": {"price": '{"amount":0.125}'}}
    raw = json.loads(third["raw_values"])
    assert (raw["skus"], value_of("array(code)", raw["skus"])) == ('["7"]', third["skus"])


DIFFERENT = [
    (["a", None], None),
    ([None, "a"], None),
    (["a"], None),
    ([], None),
    (["a", "b|c"], None),
    (["a|b", "c"], None),
    (["1:a"], None),
    (["a"], {"amount": None, "currency": None}),
    (["a"], {"amount": "1", "currency": None}),
    (["a"], {"amount": None, "currency": "1"}),
]


@pytest.mark.spark
def test_different_values_have_different_hashes_and_digests(spark: SparkSession, tmp_path: Path) -> None:
    price = pa.struct([("amount", pa.string()), ("currency", pa.string())])
    table = pa.table(
        {
            "code": ["c"] * len(DIFFERENT),
            "skus": pa.array([skus for skus, _ in DIFFERENT], pa.list_(pa.string())),
            "price": pa.array([found for _, found in DIFFERENT], price),
        }
    )
    rows = staged(spark, tmp_path, table)
    assert len({row["hash"] for row in rows}) == len({row["digest"] for row in rows}) == len(DIFFERENT)


def test_semi_structured_types_of_snowflake() -> None:
    assert (snowflake_type("array(code)"), snowflake_type(PRICE)) == ("ARRAY", "OBJECT")
