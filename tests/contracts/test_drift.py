"""What stops a run before a row is read, and what is only reported."""

from __future__ import annotations

import pyarrow as pa
import pytest

from contracts.catalog import DATASETS, contract
from contracts.dialects.drift import Drift, SchemaDrift, check, delivered_columns, spark_type
from contracts.dialects.spark_values import castable
from contracts.language.kinds import KINDS
from tests.contracts.every import EVERY_KIND

SALES = dict.fromkeys(contract("sales").names, "string")
PATH = "s3://highwater-lake/raw/sap/sales_orders/x.parquet"


@pytest.mark.parametrize("dataset", list(DATASETS))
def test_a_file_of_text_with_every_column_has_not_drifted(dataset: str) -> None:
    assert check(contract(dataset), dict.fromkeys(contract(dataset).names, "string"), PATH) == Drift((), ())


def test_extra_and_missing_optional_columns_are_reported() -> None:
    delivered = {**SALES, "zeta": "int", "alpha": "array<string>"}
    del delivered["promo_id"], delivered["gross_revenue"]
    assert check(contract("sales"), delivered, PATH) == Drift(
        ("alpha", "zeta"), ("gross_revenue", "promo_id")
    )


def test_missing_required_columns_stop_the_run_with_file_and_names() -> None:
    delivered = {name: at for name, at in SALES.items() if name not in ("quantity", "channel")}
    with pytest.raises(
        SchemaDrift, match=rf"{PATH}: sales 1.1.0 needs column\(s\) quantity, channel; the file has"
    ):
        check(contract("sales"), delivered, PATH)


@pytest.mark.parametrize(
    ("column", "type_name"),
    [
        ("quantity", "boolean"),
        ("quantity", "date"),
        ("quantity", "timestamp_nanos"),
        ("net_revenue", "struct<a:int>"),
        ("order_date", "bigint"),
        ("order_date", "double"),
        ("changed_at", "bigint"),
        ("changed_at", "time"),
        ("is_promo_sale", "date"),
        ("order_id", "array<string>"),
        ("order_id", "binary"),
        ("sku_code", "date"),
        ("promo_id", "map<string,string>"),
        ("channel", "boolean"),
        ("channel", "unknown"),
    ],
)
def test_a_type_that_can_never_be_cast_stops_the_run(column: str, type_name: str) -> None:
    kind = contract("sales").column(column).kind
    with pytest.raises(SchemaDrift) as stopped:
        check(contract("sales"), {**SALES, column: type_name}, PATH)
    assert f"{PATH}: sales 1.1.0: {column} is {type_name} and can never be a {kind}." in str(stopped.value)


@pytest.mark.parametrize(
    ("column", "type_name", "complaint"),
    [
        ("opens_at", "time", "can never be a time (Spark 3.5 cannot read Parquet's TIME; deliver text)"),
        ("opens_at", "bigint", "can never be a time"),
        ("opens_at", "timestamp_ntz", "can never be a time"),
        ("started_at", "timestamp", "can never be a local_timestamp"),
        ("started_at", "timestamp_nanos_utc", "can never be a local_timestamp"),
        ("price", "boolean", "can never be a decimal(14,2)"),
        ("properties", "struct<a:int>", "can never be a json"),
        ("properties", "binary", "can never be a json"),
    ],
)
def test_what_the_newer_kinds_can_never_be(column: str, type_name: str, complaint: str) -> None:
    delivered = dict.fromkeys(EVERY_KIND.names, "string")
    with pytest.raises(SchemaDrift) as stopped:
        check(EVERY_KIND, {**delivered, column: type_name}, PATH)
    assert f": {column} is {type_name} and {complaint}." in str(stopped.value)


@pytest.mark.parametrize(
    ("column", "type_name"),
    [
        ("quantity", "double"),
        ("quantity", "decimal(38,10)"),
        ("net_revenue", "float"),
        ("order_date", "timestamp"),
        ("order_date", "timestamp_nanos"),
        ("changed_at", "timestamp_ntz"),
        ("changed_at", "date"),
        ("is_promo_sale", "bigint"),
        ("sku_code", "bigint"),
        ("order_id", "double"),
        ("promo_id", "void"),
    ],
)
def test_a_type_that_some_rows_can_cast_passes(column: str, type_name: str) -> None:
    assert check(contract("sales"), {**SALES, column: type_name}, PATH) == Drift((), ())


def test_a_column_that_breaks_sparks_reader_stops_the_run_even_as_an_extra() -> None:
    with pytest.raises(SchemaDrift, match="half holds float16"):
        check(contract("sales"), {**SALES, "half": "float16"}, PATH)


def test_every_kind_can_be_delivered_as_text_or_as_nothing() -> None:
    kinds = {column.kind for dataset in DATASETS.values() for column in dataset.columns}
    assert all(
        {"text", "void"} <= castable(kind) for kind in {*kinds, *KINDS, "decimal(14,2)"} - {"decimal(p,s)"}
    )


@pytest.mark.parametrize(
    ("arrow", "expected"),
    [
        (pa.int8(), "tinyint"),
        (pa.int16(), "smallint"),
        (pa.int32(), "int"),
        (pa.int64(), "bigint"),
        (pa.uint8(), "smallint"),
        (pa.uint16(), "int"),
        (pa.uint32(), "bigint"),
        (pa.uint64(), "decimal(20,0)"),
        (pa.float16(), "float16"),
        (pa.float32(), "float"),
        (pa.float64(), "double"),
        (pa.decimal128(18, 4), "decimal(18,4)"),
        (pa.string(), "string"),
        (pa.large_string(), "string"),
        (pa.dictionary(pa.int32(), pa.string()), "string"),
        (pa.json_(pa.string()), "string"),
        (pa.bool_(), "boolean"),
        (pa.date32(), "date"),
        (pa.date64(), "date"),
        (pa.timestamp("ms"), "timestamp_ntz"),
        (pa.timestamp("us", "Asia/Kolkata"), "timestamp"),
        (pa.timestamp("ns"), "timestamp_nanos"),
        (pa.timestamp("ns", "UTC"), "timestamp_nanos_utc"),
        (pa.time32("ms"), "time"),
        (pa.time64("us"), "time"),
        (pa.binary(), "binary"),
        (pa.null(), "void"),
        (pa.duration("s"), "unknown"),
        (pa.list_(pa.string()), "array<string>"),
        (pa.map_(pa.string(), pa.int64()), "map<string,bigint>"),
        (pa.struct([("a", pa.list_(pa.int32())), ("b", pa.string())]), "struct<`a`:array<int>,`b`:string>"),
    ],
)
def test_arrow_types_as_spark_reads_them(arrow: pa.DataType, expected: str) -> None:
    assert spark_type(arrow) == expected


def test_columns_are_named_in_lower_case_and_must_differ_by_more_than_case() -> None:
    assert delivered_columns(pa.schema([("Order_ID", pa.string())]), PATH) == {"order_id": "string"}
    with pytest.raises(SchemaDrift, match="column order_id is there twice"):
        delivered_columns(pa.schema([("Order_ID", pa.string()), ("order_id", pa.string())]), PATH)
