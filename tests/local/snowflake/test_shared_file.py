"""DuckDB's threads share a file of the lake, and seek and read in two calls: no thread gets another's bytes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from pyarrow.fs import LocalFileSystem

from local.snowflake.lake import LakeFileSystem, SharedFile

BODY = bytes(range(256))


@pytest.fixture
def shared() -> SharedFile:
    return SharedFile(pa.BufferReader(BODY))


def test_a_thread_reads_where_it_sought_itself(shared: SharedFile) -> None:
    with ThreadPoolExecutor(1) as other:
        shared.seek(10)
        other.submit(shared.seek, 100).result()
        assert shared.read(3) == BODY[10:13]
        assert other.submit(shared.read, 3).result() == BODY[100:103]


def test_threads_that_read_on_share_the_position(shared: SharedFile) -> None:
    with ThreadPoolExecutor(1) as other:
        assert shared.read(5) == BODY[:5]
        assert other.submit(shared.read, 5).result() == BODY[5:10]
        assert shared.read() == BODY[10:]
        assert shared.read(1) == b""


def test_it_seeks_like_any_file(shared: SharedFile) -> None:
    assert shared.seek(-6, 2) == 250
    assert shared.seek(2, 1) == 252
    assert (shared.tell(), shared.read(100)) == (252, BODY[252:])
    assert shared.seek(300) == 300
    assert shared.read(1) == b""


def test_duckdb_reads_a_large_file_whole_every_time(tmp_path: Path) -> None:
    file = tmp_path / "large.csv"
    rows = 400_000
    with duckdb.connect() as writer:
        writer.execute(
            f"COPY (SELECT n AS a, hash(n) AS b, hash(n + 1) AS c FROM range({rows}) t(n)) TO '{file}'"
        )
    lake = LakeFileSystem("http://127.0.0.1:1")
    lake.fs = LocalFileSystem()
    with duckdb.connect(config={"threads": 4}) as reader:
        reader.register_filesystem(lake)
        for _ in range(8):
            found = reader.execute(f"SELECT count(*), sum(a) FROM read_csv('s3://{file}')").fetchone()
            assert found == (rows, rows * (rows - 1) // 2)
