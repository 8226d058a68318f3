"""A table of daily publications, and what is asked of it before and after it was tidied."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.lake import lake_commits, lake_log, lake_tables
from tasks.lake.lake_commits import Commit
from tasks.services import aws

BUCKET, PLACE = "highwater-lake", "s3://highwater-lake/curated/sales"
DAY = date(2025, 1, 1)
NOW = datetime.now(UTC)
LATER = NOW + timedelta(days=60)


def put(key: str, **columns: Any) -> str:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    aws.s3().put_object(Bucket=BUCKET, Key=key, Body=buffer.getvalue())
    return f"s3://{BUCKET}/{key}"


def table(name: str = "sales", namespace: str = "curated") -> Any:
    found = lake_tables.load(namespace, name)
    assert found
    return found


def publish(work: str, day: date, *orders: str, removed: tuple[str, ...] = (), **notes: str) -> int:
    """Returns the snapshot. Each has a file of its own, as a day's job writes it."""
    added = ()
    if orders:
        rows = {"order_id": list(orders), "source_date": pa.array([day] * len(orders), pa.date32())}
        added = (put(f"curated/sales/data/{work}/published/a.parquet", **rows),)
    base = lake_tables.snapshot_id(lake_tables.load("curated", "sales"))
    commit = Commit(work, f"run-{work}", (day,), "1.0.0", added, removed, notes)
    found = lake_tables.snapshot_id(lake_commits.publish("curated", "sales", PLACE, commit, base))
    assert found
    return found


def days(count: int, first: int = 0) -> list[int]:
    """A publication of two rows for each of so many days."""
    return [publish(f"w{n}", DAY + timedelta(days=n), f"a{n}", f"b{n}") for n in range(first, first + count)]


def rows() -> list[str]:
    return sorted(map(str, table().scan().to_arrow().to_pylist()))


def files() -> list[str]:
    return sorted(file.file_path for file in lake_tables.live_files(table()))


def ids() -> list[int]:
    return [snapshot.snapshot_id for snapshot in lake_log.lineage(table())]


def keys() -> dict[str, str]:
    """Every object of the lake with its ETag."""
    pages = aws.s3().get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    return {o["Key"]: o["ETag"] for page in pages for o in page.get("Contents", [])}
