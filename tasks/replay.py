"""The quarantined rows of some raw dates, with a person's corrections, as an input of the curate job."""

from __future__ import annotations

import csv
import hashlib
import io
from datetime import date
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from botocore.exceptions import ClientError

from contracts import drift
from contracts.catalog import contract
from tasks import aws, lake
from tasks.errors import DataError, from_aws
from tasks.landing import InputFile, Slice
from tasks.settings import settings

Dataset = Literal["sales", "inventory", "market", "promotions", "sku", "geography", "customer"]
_BATCH_ROWS = 20_000


def gather(dataset: Dataset, first: date, last: date, mended: str | None, run_id: str) -> Slice:
    """One input file per quarantined file of the raw dates; corrected copies where rows were mended."""
    wanted = f"raw_date >= '{first.isoformat()}' and raw_date <= '{last.isoformat()}'"
    files = lake.live_files(lake.load(lake.QUARANTINE, dataset), wanted)
    if not files:
        raise DataError(
            f"quarantine.{dataset} has no rows with raw dates {first}..{last}: nothing to replay."
        )
    corrections = _corrections(dataset, mended) if mended else {}
    used: set[str] = set()
    inputs = [
        _input(f"{run_id}/{dataset}", file.file_path, corrections, used) for file in sorted_by_path(files)
    ]
    if unknown := sorted(set(corrections) - used):
        raise DataError(
            f"{mended}: {len(unknown)} row_id(s) are not in quarantine.{dataset} for {first}..{last}, the first is "
            f"{unknown[0]!r}. Nothing was replayed."
        )
    return Slice(dataset, tuple(inputs))


def sorted_by_path(files: list[Any]) -> list[Any]:
    return sorted(files, key=lambda file: str(file.file_path))


def _corrections(dataset: str, address: str) -> dict[str, dict[str, str]]:
    try:
        bucket, key = aws.split(address)
        text = aws.s3().get_object(Bucket=bucket, Key=key)["Body"].read().decode("utf-8-sig")
    except ValueError as error:
        raise DataError(f"mended: {error}") from error
    except ClientError as error:
        raise from_aws(error, f"reading the mended rows at {address}") from error
    rows = list(csv.DictReader(io.StringIO(text)))
    columns = set(rows[0]) if rows else set()
    known = {column.name for column in contract(dataset).columns}
    if "row_id" not in columns or columns - known - {"row_id"}:
        strange = ", ".join(sorted(columns - known - {"row_id"})) or "none"
        raise DataError(
            f"{address}: expected a header with row_id and columns of {dataset} ({', '.join(sorted(known))}); "
            f"row_id is {'there' if 'row_id' in columns else 'missing'}, unknown columns: {strange}."
        )
    return {row["row_id"]: {name: row[name] for name in columns & known} for row in rows}


def _input(folder: str, path: str, corrections: dict[str, dict[str, str]], used: set[str]) -> InputFile:
    bucket, key = aws.split(path)
    body = io.BytesIO(aws.s3().get_object(Bucket=bucket, Key=key)["Body"].read())
    source = pq.ParquetFile(body)
    target = io.BytesIO()
    with pq.ParquetWriter(target, source.schema_arrow) as writer:
        for batch in source.iter_batches(batch_size=_BATCH_ROWS):
            writer.write_batch(_corrected(batch, corrections, used))
    content = target.getvalue()
    digest = hashlib.sha256(content).hexdigest()[:24]
    name = f"runs/replay/{folder}/{digest}.parquet"
    aws.s3().put_object(Bucket=settings().lake_bucket, Key=name, Body=content)
    raw_date = pq.read_table(body, columns=["raw_date"]).column(0)[0].as_py()
    columns = drift.delivered_columns(source.schema_arrow, path)
    return InputFile(
        f"s3://{settings().lake_bucket}/{name}",
        raw_date,
        source.metadata.num_rows,
        columns,
        digest,
        replay=True,
    )


def _corrected(
    batch: pa.RecordBatch, corrections: dict[str, dict[str, str]], used: set[str]
) -> pa.RecordBatch:
    ids = batch.column("row_id").to_pylist()
    if not any(row_id in corrections for row_id in ids):
        return batch
    rows = batch.to_pylist()
    for row in rows:
        if row["row_id"] in corrections:
            used.add(row["row_id"])
            row.update(corrections[row["row_id"]])
    return pa.RecordBatch.from_pylist(rows, schema=batch.schema)
