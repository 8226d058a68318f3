"""The rows of many files as few Parquet files in the lake, for COPY: a file each would take a second each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.inbox.spool import Spool
from tasks.services import objects
from tasks.settings import settings

FOLDER = "runs/inbox"
"""In the lake bucket. Read once, by the warehouse: the bucket's lifecycle deletes it."""


def upload(spools: Iterable[Spool], run_id: str, name: str, scratch: Path) -> list[str]:
    """Upload the rows of all spools. Returns the files' addresses; none if there are no rows."""
    large = [spool.file for spool in spools if spool.file]
    small = [table for spool in spools if not spool.file for table in spool.tables()]
    files = [*large, *([_written(small, scratch / f"{name}-{uuid4().hex}.parquet")] if small else [])]
    # A name that no other process of the same run takes: what it holds must not change under a COPY.
    folder = f"s3://{settings().lake_bucket}/{FOLDER}/{run_id}/{uuid4().hex}"
    return [objects.upload(file, f"{folder}/{name}-{place}.parquet") for place, file in enumerate(files)]


def _written(tables: list[pa.Table], file: Path) -> Path:
    pq.write_table(pa.concat_tables(tables), file, compression="zstd")
    return file


def discard(spools: Iterable[Spool]) -> None:
    for spool in spools:
        spool.discard()


def present(spools: Iterable[Spool | None]) -> Iterator[Spool]:
    return (spool for spool in spools if spool and spool.rows)
