"""Whole, cut-off, empty and foreign files, told apart by their last bytes."""

from __future__ import annotations

import io
import struct
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.dialects.drift import delivered_columns
from tasks.errors import DataError, SystemFault
from tasks.lake.footers import read_footer
from tasks.services import aws

ADDRESS = "s3://lake/raw/x.parquet"


class Shelf:
    """An S3 client that serves one object and remembers how much was read."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.served = 0

    def get_object(self, *, Bucket: str, Key: str, Range: str) -> dict[str, Any]:
        start, end = map(int, Range.removeprefix("bytes=").split("-"))
        part = self.body[start : end + 1]
        self.served += len(part)
        return {"Body": io.BytesIO(part)}


def parquet(rows: int, columns: int = 2) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table({f"column_{i}": [str(n) for n in range(rows)] for i in range(columns)}), buffer)
    return buffer.getvalue()


def read(body: bytes) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aws, "s3", lambda: Shelf(body))
        return read_footer(ADDRESS, len(body))


def test_rows_and_columns_come_from_the_tail_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    body = parquet(200_000)
    shelf = Shelf(body)
    monkeypatch.setattr(aws, "s3", lambda: shelf)
    footer = read_footer(ADDRESS, len(body))
    assert footer.rows == 200_000
    assert footer.schema.names == ["column_0", "column_1"]
    assert shelf.served == 64 * 1024 < len(body)


def test_a_footer_larger_than_the_tail_is_read_whole() -> None:
    body = parquet(3, columns=2000)
    assert len(read(body).schema.names) == 2000


@pytest.mark.parametrize("rows", [0, 1])
def test_small_files(rows: int) -> None:
    assert read(parquet(rows)).rows == rows


def test_least_and_greatest_over_all_row_groups() -> None:
    buffer = io.BytesIO()
    table = pa.table(
        {
            "number": [3, 1, None, None, 9, 4],
            "nothing": pa.array([None] * 6, pa.int64()),
            "unsaid": [1, 2, 3, 4, 5, 6],
        }
    )
    pq.write_table(table, buffer, row_group_size=2, write_statistics=["number", "nothing"])
    footer = read(buffer.getvalue())
    assert footer.extremes("number") == (1, 9)
    assert [footer.extremes(column) for column in ("nothing", "unsaid", "no such column")] == [None] * 3


def test_empty_file_is_named() -> None:
    with pytest.raises(DataError, match=r"s3://lake/raw/x\.parquet is empty \(0 bytes\)"):
        read(b"")


def test_truncated_file_is_named() -> None:
    with pytest.raises(DataError, match=r"s3://lake/raw/x\.parquet is not a whole Parquet file"):
        read(parquet(1000)[:-100])


def test_csv_under_a_parquet_name() -> None:
    with pytest.raises(DataError, match="not a whole Parquet file"):
        read(b"order_id,sku_code\n1,2\n")


def test_footer_length_beyond_the_file() -> None:
    with pytest.raises(DataError, match="is damaged: its footer claims"):
        read(b"PAR1" + struct.pack("<I", 10_000_000) + b"PAR1")


def test_garbled_footer() -> None:
    body = bytearray(parquet(10))
    size = struct.unpack("<I", body[-8:-4])[0]
    body[-8 - size : -8] = b"\xff" * size
    with pytest.raises(DataError, match="unreadable Parquet footer"):
        read(bytes(body))


def test_what_s3_answers_instead_is_told_as_our_kind(account: None) -> None:
    with pytest.raises(
        SystemFault,
        match=r"reading bytes 0 to 10 of s3://highwater-lake/raw/gone\.parquet: NoSuchKey.*restore it",
    ):
        read_footer("s3://highwater-lake/raw/gone.parquet", 10)


def test_an_int96_is_an_instant_as_spark_reads_it() -> None:
    buffer, moment = io.BytesIO(), datetime(2025, 1, 5, 10)
    table = pa.table({"id": ["1"], "at": [moment], "pair": [{"at": moment}]})
    pq.write_table(table, buffer, use_deprecated_int96_timestamps=True)
    schema = read(buffer.getvalue()).schema
    assert delivered_columns(schema, ADDRESS) == {
        "id": "string",
        "at": "timestamp",
        "pair": "struct<`at`:timestamp_nanos>",
    }
