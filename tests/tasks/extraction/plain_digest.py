"""The lake's side of a reconciliation in plain Python: by the definitions of docs/medallion.md, and without Spark.

Stands in for the Glue job where a test has none; tests/jobs/test_bronze_digest.py compares the job with the same digests.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from contracts.language.dataset import Dataset
from tasks.extraction.bronze import Place
from tasks.extraction.lake_digest import LakeDigest, Snapshots, key_schema
from tasks.services import objects
from tests.tasks.extraction import reconcile_world as world
from tests.tasks.extraction.shop import naive, rows_of

Row = dict[str, Any]


class Newest(NamedTuple):
    row: Row | None
    """None if it is a tombstone."""
    dated_at: datetime
    gone_at: datetime | None


def newest(dataset: Dataset, places: Sequence[Place]) -> dict[tuple[Any, ...], Newest]:
    versions: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for place in places:
        for row in rows_of(place):
            plain = {name: naive(value) for name, value in row.items()}
            if all(plain[name] is not None for name in dataset.key):
                versions[tuple(plain[name] for name in dataset.key)].append(plain)
    return {key: _newest(dataset, rows) for key, rows in versions.items()}


def _newest(dataset: Dataset, rows: list[Row]) -> Newest:
    tombstones = [row for row in rows if row["is_tombstone"]]

    def dated(row: Row) -> datetime:
        at = row["updated_at"] or row["created_at"] or datetime(1, 1, 1)
        is_back = any(
            each["updated_at"] >= at and each["extraction_timestamp"] < row["extraction_timestamp"]
            for each in tombstones
        )
        return row["extraction_timestamp"] if is_back and not row["is_tombstone"] else at

    last = max(rows, key=lambda row: (dated(row), row["is_tombstone"], row["extraction_timestamp"]))
    row = None if last["is_tombstone"] else {name: last.get(name) for name in dataset.names}
    return Newest(row, dated(last), max((each["updated_at"] for each in tombstones), default=None))


def computed(
    dataset: Dataset,
    places: tuple[Place, Place],
    snapshots: Snapshots,
    columns: Sequence[str],
    pending: Path | None,
    owner: str,
) -> LakeDigest:
    key = key_schema(dataset)
    left_out = [tuple(row.values()) for row in pq.read_table(pending).to_pylist()] if pending else []
    found = {key: last for key, last in newest(dataset, places).items() if key not in left_out}
    live = [last.row for last in found.values() if last.row]
    return LakeDigest(
        key,
        world.sums(live, dataset.key, columns, snapshots.buckets),
        [_written(found, dataset, columns, snapshots, key)],
    )


def _written(
    found: dict[tuple[Any, ...], Newest],
    dataset: Dataset,
    columns: Sequence[str],
    snapshots: Snapshots,
    key: pa.Schema,
) -> str:
    rows = []
    for names, last in found.items():
        named = dict(zip(dataset.key, names, strict=True))
        rows.append(
            {
                **named,
                "bucket": int(world.digest(world.text_of(named, dataset.key)), 16) % snapshots.buckets,
                "digest": world.digest(world.text_of(last.row, columns)) if last.row else None,
                "dated_at": int(world.text_of({"at": last.dated_at}, ["at"])),
                "gone_at": int(world.text_of({"at": last.gone_at}, ["at"])) if last.gone_at else None,
            }
        )
    file = pa.BufferOutputStream()
    schema = LakeDigest(key, {}, ()).schema
    pq.write_table(
        pa.Table.from_pylist(sorted(rows, key=lambda row: row["bucket"]), schema), file, row_group_size=3
    )
    return objects.write(
        f"s3://highwater-lake/runs/digest/{uuid4().hex}.parquet", file.getvalue().to_pybytes()
    )
