"""Open the lake's Iceberg tables and list their live files, with errors mapped to our four kinds (tasks/errors.py)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import pyarrow as pa
from pyiceberg.exceptions import (
    CommitFailedException,
    NoSuchNamespaceError,
    NoSuchTableError,
    ValidationException,
)

from tasks.errors import SystemFault, TransientError, aws_failures
from tasks.services import aws, objects

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from tasks.lake.lake_catalog import LakeCatalog

CURATED, QUARANTINE, ML = "curated", "quarantine", "ml"
CHURN_PREDICTIONS = "churn_predictions"
"""The table of database ml from which gold takes probabilities."""
CHURN_OUTCOMES = "churn_outcomes"
"""The table of database ml with what became of the customers whom CHURN_PREDICTIONS is about."""
BRONZE, SILVER, GOLD = "bronze", "silver", "gold"
PUBLISHED_FOLDER = "/published/"
LOST_RACE = (CommitFailedException, ValidationException)


@cache
def catalog() -> LakeCatalog:
    from tasks.lake.lake_catalog import (
        LakeCatalog,  # imports most of pyiceberg, which takes half a second
    )

    # pyiceberg's S3 client ignores AWS_ENDPOINT_URL, so the endpoint is taken from boto3.
    s3 = aws.s3()
    return LakeCatalog(
        "highwater",
        client=aws.glue(),
        **{"s3.endpoint": s3.meta.endpoint_url, "s3.region": s3.meta.region_name},
    )


def load(namespace: str, dataset: str) -> Table | None:
    with lake_failures(f"opening {namespace}.{dataset}"):
        try:
            return catalog().load_table((namespace, dataset))
        except NoSuchTableError:
            return None


def tables_of(namespace: str) -> list[str]:
    with lake_failures(f"listing the tables of {namespace}"):
        try:
            return sorted(name for _, name in catalog().list_tables(namespace))
        except NoSuchNamespaceError:
            return []


def live_files(table: Table | None, where: str | None = None) -> list[DataFile]:
    if table is None or table.current_snapshot() is None:
        return []
    with lake_failures(f"listing the files of {'.'.join(table.name())}"):
        return [task.file for task in (table.scan(row_filter=where) if where else table.scan()).plan_files()]


def files_of(namespace: str, dataset: str, snapshot: int | None, where: str | None = None) -> list[str]:
    """The files of one snapshot of a table, or those that may have rows of a condition; empty if there is no snapshot."""
    table = load(namespace, dataset) if snapshot is not None else None
    if table is None:
        return []
    with lake_failures(f"listing the files of {namespace}.{dataset}"):
        scan = table.scan(where, snapshot_id=snapshot) if where else table.scan(snapshot_id=snapshot)
        return sorted(task.file.file_path for task in scan.plan_files())


def parquet_files(folder: str) -> list[str]:
    """The addresses of the Parquet files below an S3 folder."""
    return [file.address for file in objects.listed(folder) if file.key.endswith(".parquet")]


def snapshot_id(table: Table | None) -> int | None:
    snapshot = table.current_snapshot() if table else None
    return snapshot.snapshot_id if snapshot else None


@contextmanager
def lake_failures(doing: str) -> Iterator[None]:
    """Map errors of the catalog, and OSErrors of pyarrow's own S3 client, to our four kinds."""
    try:
        with aws_failures(doing):
            yield
    except LOST_RACE as error:
        raise TransientError(
            f"{doing}: another run committed at the same moment ({error}). Nothing was changed; run it again."
        ) from error
    except FileNotFoundError as error:
        raise SystemFault(
            f"{doing}: {error}. A file that the table needs is gone: restore it (the bucket keeps versions), or roll the "
            "table back to a snapshot without it."
        ) from error
    except pa.ArrowInvalid as error:
        raise SystemFault(f"{doing}: {error}. A file was overwritten or cut off: restore it.") from error
    except OSError as error:
        text = f"{doing}: {error}"
        if "ACCESS_DENIED" in text:
            raise SystemFault(f"{text}. Give the worker's role this permission.") from error
        raise TransientError(f"{text}. It may be temporary; if it persists, run again later.") from error
