"""Of the lake's digests, only those of the buckets that are asked for are fetched."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.extraction.lake_digest import LakeDigest, Snapshots
from tasks.services import objects, ranges

KEY = pa.schema([("id", pa.string())])


@pytest.mark.parametrize(
    ("rows", "buckets"),
    [(0, 16), (32_000, 16), (32_001, 16), (34_000, 32), (1_000_000, 512), (10**9, 65_536)],
)
def test_a_bucket_has_some_thousand_keys(rows: int, buckets: int) -> None:
    assert Snapshots(1, None, rows).buckets == buckets


def test_only_the_parts_that_may_have_a_bucket_are_fetched(
    account: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        {
            "id": f"{number}",
            "bucket": number // 10,
            "digest": f"{number:016x}" * 40,
            "dated_at": number,
            "gone_at": None,
        }
        for number in range(20_000)
    ]
    empty = LakeDigest(KEY, {}, ())
    assert empty.entries([1]).num_rows == 0
    file = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, empty.schema), file, row_group_size=1000, compression=None)
    address = objects.write("s3://highwater-lake/digest.parquet", file.getvalue().to_pybytes())
    fetched = 0
    real = objects.part

    def part(address: str, start: int, end: int) -> Any:
        nonlocal fetched
        fetched += end - start
        return real(address, start, end)

    monkeypatch.setattr(ranges.objects, "part", part)
    found = LakeDigest(KEY, {}, [address]).entries([3, 1999])
    assert found.column("id").to_pylist() == [*map(str, range(30, 40)), *map(str, range(19_990, 20_000))]
    assert fetched < objects.head(address).size / 4
