"""A record found again by its byte offset is the text that the reader took it from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.delimited.raw_records import raw_records
from tasks.delimited.reader import opened

COLUMNS = ("id", "name")
LONG = "x" * 5000
RECORDS = ["1,café", '2,"two\nlines"', "3,plain", f'4,"{LONG}"', '5,"a ""b"" c"', "6,日本"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_records_are_found_again(tmp_path: Path, encoding: str, newline: str) -> None:
    path = tmp_path / "names.csv"
    path.write_bytes(newline.join(["id,name", *RECORDS, ""]).encode(encoding))
    with opened(path, columns=COLUMNS) as reading:
        offsets = [row["byte_offset"] for batch, _ in reading.pieces() for row in batch.to_pylist()]
        assert list(raw_records(path, reading.plan, offsets)) == RECORDS


def test_the_last_record_may_lack_its_end(tmp_path: Path) -> None:
    path = tmp_path / "names.csv"
    path.write_bytes("id;name\n1;Zoë\n2;Ann".encode("cp1252"))
    with opened(path, columns=COLUMNS) as reading:
        offsets = [row["byte_offset"] for batch, _ in reading.pieces() for row in batch.to_pylist()]
        assert list(raw_records(path, reading.plan, offsets)) == ["1;Zoë", "2;Ann"]
