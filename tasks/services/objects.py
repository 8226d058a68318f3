"""Read, write and list S3 objects by s3:// address. S3 errors are raised as one of our kinds (tasks/errors.py)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from boto3.s3.transfer import TransferConfig

from tasks.errors import DataError, SystemFault, aws_failures
from tasks.services import aws

_CHUNK = 1 << 20
_DELETED_AT_ONCE = 1000
_ONE_PART_AT_A_TIME = TransferConfig(use_threads=False)  # by default ten parts of 8 MB are in memory at once


@dataclass(frozen=True)
class Found:
    address: str
    key: str
    size: int
    etag: str
    modified: datetime


def read(address: str) -> bytes:
    bucket, key = aws.split(address)
    with aws_failures(f"reading {address}"):
        return aws.s3().get_object(Bucket=bucket, Key=key)["Body"].read()


def read_json(address: str) -> Any:
    try:
        return json.loads(read(address))
    except ValueError as error:
        raise DataError(
            f"{address} is not JSON ({error}). It was overwritten or truncated: remove it and run the date again."
        ) from error


def part(address: str, start: int, end: int) -> bytes:
    bucket, key = aws.split(address)
    with aws_failures(f"reading bytes {start} to {end} of {address}"):
        return aws.s3().get_object(Bucket=bucket, Key=key, Range=f"bytes={start}-{end - 1}")["Body"].read()


def tail(address: str, length: int) -> tuple[bytes, int]:
    """The last `length` bytes and the object's total size, in one request."""
    bucket, key = aws.split(address)
    with aws_failures(f"reading the end of {address}"):
        answer = aws.s3().get_object(Bucket=bucket, Key=key, Range=f"bytes=-{length}")
        return answer["Body"].read(), int(answer["ContentRange"].rpartition("/")[2])


def download(address: str, file: Path) -> Path:
    """Download to disk in one request, without holding the object in memory."""
    bucket, key = aws.split(address)
    with aws_failures(f"reading {address}"):
        body = aws.s3().get_object(Bucket=bucket, Key=key)["Body"]
        with file.open("wb") as target:
            shutil.copyfileobj(body, target, _CHUNK)
    return file


def write(address: str, body: bytes) -> str:
    bucket, key = aws.split(address)
    with aws_failures(f"writing {address}"):
        aws.s3().put_object(Bucket=bucket, Key=key, Body=body)
    return address


def upload(file: Path, address: str) -> str:
    """Upload from disk in parts, without holding the file in memory."""
    bucket, key = aws.split(address)
    with aws_failures(f"writing {address}"):
        aws.s3().upload_file(str(file), bucket, key, Config=_ONE_PART_AT_A_TIME)
    return address


def head(address: str) -> Found:
    bucket, key = aws.split(address)
    with aws_failures(f"asking for {address}"):
        answer = aws.s3().head_object(Bucket=bucket, Key=key)
    return Found(address, key, answer["ContentLength"], answer["ETag"].strip('"'), answer["LastModified"])


def is_there(address: str) -> bool:
    """By a listing, which refuses a caller without access instead of saying that nothing is there."""
    return any(found.address == address for found in listed(address))


def listed(prefix: str, after: str = "") -> Iterator[Found]:
    """Every object under an s3:// prefix, in key order."""
    bucket, start = aws.split(prefix)
    with aws_failures(f"listing {prefix}"):
        pages = (
            aws.s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=start, StartAfter=after)
        )
        for page in pages:
            for item in page.get("Contents", []):
                yield Found(
                    f"s3://{bucket}/{item['Key']}",
                    item["Key"],
                    item["Size"],
                    item["ETag"].strip('"'),
                    item["LastModified"],
                )


def delete(bucket: str, keys: Sequence[str]) -> None:
    """The bucket keeps versions: what was deleted can be restored for as long as its lifecycle keeps them."""
    for start in range(0, len(keys), _DELETED_AT_ONCE):
        some = keys[start : start + _DELETED_AT_ONCE]
        with aws_failures(f"deleting {len(some)} objects of {bucket}"):
            answer = aws.s3().delete_objects(
                Bucket=bucket, Delete={"Objects": [{"Key": key} for key in some], "Quiet": True}
            )
        if failed := answer.get("Errors"):
            first = failed[0]
            raise SystemFault(
                f"{len(failed)} of {len(some)} objects of {bucket} were not deleted, the first is {first.get('Key')}: "
                f"{first.get('Code')} {first.get('Message')}. Give the worker's role this permission, or run again."
            )
