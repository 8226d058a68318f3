"""What a batch transform answered: one Parquet file for each file of its input."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from botocore.exceptions import ClientError

from tasks.errors import DataError, aws_failures
from tasks.events import log
from tasks.services import aws, objects

_ANSWER = ".out"


def files(folder: str) -> list[str]:
    """The addresses of the answers, in their order."""
    bucket, prefix = aws.split(f"{folder}/")
    with aws_failures(f"listing {folder}"):
        pages = aws.s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = sorted(item["Key"] for page in pages for item in page.get("Contents", []))
    return [f"s3://{bucket}/{key}" for key in keys if key.endswith(_ANSWER)]


def read(address: str, columns: Sequence[str]) -> pa.Table:
    """An answer, with those of the columns that it has."""
    body = objects.read(address)
    try:
        table = pq.read_table(io.BytesIO(body))
        return table.select([name for name in columns if name in table.column_names])
    except (pa.ArrowInvalid, OSError) as error:  # OSError: its end is sound, what is before it is not
        raise DataError(f"{address} is not the Parquet file that the model should return: {error}") from error


def write(address: str, table: pa.Table, *, once: bool = False) -> None:
    """Write a Parquet file. With `once`, one that is there stays: it may be published, and may then not change."""
    body = io.BytesIO()
    pq.write_table(table, body)
    _put(address, body.getvalue(), {"IfNoneMatch": "*"} if once else {})


def note(address: str, what: Mapping[str, Any]) -> None:
    """Write down what became of answers, as JSON. One that is there stays."""
    _put(address, json.dumps(what, default=str).encode(), {"IfNoneMatch": "*"})


def _put(address: str, body: bytes, condition: Mapping[str, Any]) -> None:
    bucket, key = aws.split(address)
    with aws_failures(f"writing {address}"):
        try:
            aws.s3().put_object(Bucket=bucket, Key=key, Body=body, **condition)
        except ClientError as error:
            if error.response["Error"]["Code"] != "PreconditionFailed":
                raise
            log("already written", file=address)


def with_constants(table: pa.Table, constants: dict[str, pa.Scalar]) -> pa.Table:
    """The table with a column for each constant."""
    for name, value in constants.items():
        table = table.append_column(name, pa.repeat(value, table.num_rows))
    return table
