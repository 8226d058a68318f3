"""What has landed, seen from listings and footers alone, and what stops a run before anything is written."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.catalog import DATASETS
from tasks.errors import DataError, StaleResult
from tasks.intake import landing
from tasks.intake.landing import Slice
from tasks.services import aws

BUCKET = "highwater-lake"
DAY = date(2025, 1, 6)
SALES = pa.table(
    {
        name: ["1"]
        for name in (
            "order_id",
            "sku_code",
            "customer_id",
            "region_code",
            "quantity",
            "net_revenue",
            "order_date",
            "channel",
        )
    }
)


def put(key: str, table: pa.Table | None = None, body: bytes | None = None) -> None:
    buffer = io.BytesIO()
    if table is not None:
        pq.write_table(table, buffer)
    aws.s3().put_object(Bucket=BUCKET, Key=key, Body=buffer.getvalue() if body is None else body)


def day_key(prefix: str, day: date, name: str = "part-0.parquet") -> str:
    return f"{prefix}year={day:%Y}/month={day:%m}/day={day:%d}/{name}"


def sales_key(day: date, name: str = "part-0.parquet") -> str:
    return day_key("raw/sap/sales_orders/", day, name)


def find_sales(first: date = DAY, last: date = DAY) -> list[str]:
    return [file.key for file in landing.find(BUCKET, ["sales"], first, last)["sales"]]


def inspect_sales() -> Slice:
    return landing.inspect(BUCKET, "sales", landing.find(BUCKET, ["sales"], DAY, DAY)["sales"])


def test_all_files_of_the_day_and_of_no_other(account: None) -> None:
    for offset in (-1, 0, 1):
        put(sales_key(DAY + timedelta(days=offset)), SALES)
    put(sales_key(DAY, "part-1.parquet"), SALES)
    assert find_sales() == [sales_key(DAY, "part-0.parquet"), sales_key(DAY, "part-1.parquet")]


def test_markers_and_hidden_files_are_no_deliveries(account: None) -> None:
    put(sales_key(DAY), SALES)
    for name in ("_SUCCESS", "_tmp.parquet", ".part.parquet.crc", ".hidden.parquet", "_temporary/a.csv"):
        put(sales_key(DAY, name), body=b"x")
    for name in ("", "sub/", "sub_$folder$"):
        put(sales_key(DAY, name), body=b"")
    assert find_sales() == [sales_key(DAY)]


@pytest.mark.parametrize("name", ["part-1.csv", "part-1", "part-1.parquet.gz", "readme.txt", "PART.PARQUET"])
@pytest.mark.parametrize("alone", [True, False])
def test_a_file_of_another_name_is_refused_by_it(account: None, name: str, alone: bool) -> None:
    if not alone:
        put(sales_key(DAY), SALES)
    put(sales_key(DAY, name), SALES)
    with pytest.raises(
        DataError,
        match=rf"s3://highwater-lake/raw/.*/day=06/{name} is not a \.parquet file.* deliver it as Parquet",
    ):
        inspect_sales()


def test_an_empty_file_of_another_name_is_refused_too(account: None) -> None:
    put(sales_key(DAY, "part-1.csv"), body=b"")
    with pytest.raises(DataError, match=r"part-1\.csv is not a \.parquet file"):
        inspect_sales()


def test_every_missing_source_is_named_at_once(account: None) -> None:
    put(sales_key(DAY), SALES)
    with pytest.raises(DataError) as failure:
        landing.find(BUCKET, ["sales", "inventory", "market", "sku"], DAY, DAY)
    text = str(failure.value)
    assert text.startswith("3 source(s) have not landed for 2025-01-06..2025-01-06:")
    assert "- s3://highwater-lake/raw/sap/inventory/year=2025/month=01/day=06/" in text
    assert "- s3://highwater-lake/raw/nielsen/market_share/week=2025-W01/" in text
    assert "- s3://highwater-lake/raw/sap/masters/sku/ (no snapshot dated 2024-12-30 to 2025-01-06)" in text


def test_a_range_reads_what_its_days_would_have_read(account: None) -> None:
    prefix = "raw/sap/masters/sku/"
    for day in (date(2024, 12, 20), date(2024, 12, 30), date(2025, 1, 6), date(2025, 1, 13)):
        put(day_key(prefix, day), SALES)
    found = landing.find(BUCKET, ["sku"], date(2025, 1, 1), date(2025, 1, 8))["sku"]
    assert [file.raw_date for file in found] == [date(2024, 12, 30), date(2025, 1, 6)]


def test_market_weeks_of_a_range_over_the_turn_of_the_year(account: None) -> None:
    for week in ("2024-W51", "2024-W52", "2025-W01", "2025-W02"):
        put(f"raw/nielsen/market_share/week={week}/part-0.parquet", SALES)
    found = landing.find(BUCKET, ["market"], date(2024, 12, 29), date(2025, 1, 6))["market"]
    assert [file.raw_date for file in found] == [date(2024, 12, 22), date(2024, 12, 29), date(2025, 1, 5)]


def test_gaps_in_a_long_range_are_each_named_in_short(account: None) -> None:
    last = DAY + timedelta(days=150)
    for offset in (0, 60, 62):
        put(sales_key(DAY + timedelta(days=offset)), SALES)
    put("raw/nielsen/market_share/week=2025-W01/part-0.parquet", SALES)
    with pytest.raises(DataError) as failure:
        landing.find(BUCKET, ["sales", "market", "sku"], DAY, last)
    assert str(failure.value).splitlines()[1:-1] == [
        "- s3://highwater-lake/raw/sap/sales_orders/ 2025-01-07..2025-03-06",
        "- s3://highwater-lake/raw/sap/sales_orders/year=2025/month=03/day=08/",
        "- s3://highwater-lake/raw/sap/sales_orders/ 2025-03-10..2025-06-05",
        "- s3://highwater-lake/raw/nielsen/market_share/week=2025-W02..2025-W22",
        "- s3://highwater-lake/raw/sap/masters/sku/ (no snapshot dated 2024-12-30 to 2025-06-05)",
    ]


def test_a_gap_in_a_range_is_named(account: None) -> None:
    put(sales_key(DAY), SALES)
    with pytest.raises(
        DataError, match=r"2 source\(s\) have not landed for 2025-01-06..2025-01-08"
    ) as failure:
        find_sales(DAY, DAY + timedelta(days=2))
    assert "- s3://highwater-lake/raw/sap/sales_orders/ 2025-01-07..2025-01-08\n" in str(failure.value)


def test_rows_columns_and_drift_are_reported(account: None) -> None:
    put(sales_key(DAY), SALES)
    put(sales_key(DAY, "b.parquet"), pa.concat_tables([SALES, SALES]).append_column("Loyalty", [["a", "b"]]))
    slice_ = inspect_sales()
    assert slice_.rows == 3
    assert slice_.raw_dates == [DAY]
    assert slice_.extra_columns == ("loyalty",)
    assert "changed_at" in slice_.missing_columns
    assert slice_.inputs[0].columns["loyalty"] == "string"
    assert "loyalty" not in slice_.inputs[1].columns


def test_missing_required_column_stops_with_its_name_and_file(account: None) -> None:
    put(sales_key(DAY), SALES.drop_columns(["customer_id"]))
    with pytest.raises(DataError, match=r"day=06/part-0\.parquet.*customer_id"):
        inspect_sales()


def test_a_column_that_can_never_be_a_number_stops(account: None) -> None:
    table = SALES.set_column(4, "quantity", pa.array([[1]], pa.list_(pa.int64())))
    put(sales_key(DAY), table)
    with pytest.raises(DataError, match="quantity"):
        inspect_sales()


@pytest.mark.parametrize("body", [b"", b"PAR1 cut", b"a,b\n1,2\n"])
def test_a_damaged_file_stops_with_its_name(account: None, body: bytes) -> None:
    put(sales_key(DAY), SALES)
    put(sales_key(DAY, "bad.parquet"), body=body)
    with pytest.raises(DataError, match=r"s3://highwater-lake/.*/bad\.parquet"):
        inspect_sales()


def test_the_dates_of_a_slice_are_listed_again(account: None) -> None:
    """The run that was outrun reads every file of its own dates, and none of another date."""
    put(sales_key(DAY), SALES)
    seen = inspect_sales()
    landing.require_unchanged(BUCKET, seen)
    put(sales_key(DAY, "part-1.parquet"), SALES)
    put(sales_key(DAY + timedelta(days=1)), SALES)
    with pytest.raises(StaleResult, match=r"part-1\.parquet"):
        landing.require_unchanged(BUCKET, seen)
    again = landing.relist(BUCKET, seen)
    assert [(file.path.rpartition("/")[2], file.rows) for file in again.inputs] == [
        ("part-0.parquet", 1),
        ("part-1.parquet", 1),
    ]
    assert again.inputs[0] == seen.inputs[0]
    landing.require_unchanged(BUCKET, again)


def test_a_date_whose_files_are_gone_when_it_is_listed_again_is_named(account: None) -> None:
    put(sales_key(DAY), SALES)
    seen = inspect_sales()
    aws.s3().delete_object(Bucket=BUCKET, Key=sales_key(DAY))
    with pytest.raises(DataError, match=r"sales_orders/year=2025/month=01/day=06/: its files were removed"):
        landing.relist(BUCKET, seen)


def test_what_a_replay_reads_is_not_listed_again(account: None) -> None:
    file = landing.InputFile("s3://highwater-lake/curated/q.parquet", DAY, 1, {}, "e", replay=True)
    replayed = Slice("sales", (file,))
    landing.require_unchanged(BUCKET, replayed)
    assert landing.relist(BUCKET, replayed) is replayed


def test_fingerprint_changes_with_content_and_with_nothing_else(account: None) -> None:
    put(sales_key(DAY), SALES)
    before = inspect_sales().fingerprint()
    assert inspect_sales().fingerprint() == before
    put(sales_key(DAY), pa.concat_tables([SALES, SALES]))
    assert inspect_sales().fingerprint() != before


def test_a_reworded_description_is_not_a_new_slice_and_a_changed_rule_is(
    account: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(sales_key(DAY), SALES)
    slice_ = inspect_sales()
    before, sales = slice_.fingerprint(), DATASETS["sales"]
    reworded = tuple(replace(column, description="In other words.") for column in sales.columns)
    monkeypatch.setitem(DATASETS, "sales", replace(sales, description="Reworded.", columns=reworded))
    assert slice_.fingerprint() == before
    lenient = tuple(replace(column, rules=()) for column in reworded)
    monkeypatch.setitem(DATASETS, "sales", replace(sales, columns=lenient))
    assert slice_.fingerprint() != before
