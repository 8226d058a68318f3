"""Files of the inbox, downloaded and judged side by side."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from tasks.errors import DataError, SystemFault, aws_failures
from tasks.inbox.file_name import FileName, recognised
from tasks.inbox.judging import Judged, judge
from tasks.inbox.waiting import GONE, Version
from tasks.services import aws
from tasks.settings import settings

_AT_ONCE = 4
_CHUNK = 1 << 20
_LARGE_BYTES = 32 << 20
# CopyObject, which moves a file to history/, takes no larger one.
LARGEST_BYTES = 5 << 30
_one_large_file = threading.Lock()


def read(
    versions: Sequence[Version], scratch: Path, broken_rate_max: float
) -> tuple[list[Judged], list[SystemFault]]:
    """Judge the versions, and say why some could not be read. One that was deleted meanwhile is said to be gone."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = list(pool.map(lambda version: _tried(version, scratch, broken_rate_max), versions))
    return [each for each in found if isinstance(each, Judged)], [
        each for each in found if isinstance(each, SystemFault)
    ]


def _tried(version: Version, scratch: Path, broken_rate_max: float) -> Judged | SystemFault:
    try:
        return _read(version, scratch, broken_rate_max)
    except SystemFault as fault:
        return fault


def _read(version: Version, scratch: Path, broken_rate_max: float) -> Judged:
    try:
        name = recognised(version.key)
        if version.size > LARGEST_BYTES:
            raise DataError(
                f"{version.key}: it has {version.size:,} bytes, more than {LARGEST_BYTES:,}. Split the file."
            )
    except DataError as error:
        return Judged(version, None, refusal=str(error))
    if version.size < _LARGE_BYTES:
        return _judged(version, name, scratch, broken_rate_max)
    with _one_large_file:  # the memory of several would add up
        return _judged(version, name, scratch, broken_rate_max)


def _judged(version: Version, name: FileName, scratch: Path, broken_rate_max: float) -> Judged:
    file = scratch / version.load_id
    try:
        if not _download(version, file):
            return Judged(version, None, is_gone=True)
        return judge(version, name, file, scratch, broken_rate_max)
    finally:
        file.unlink(missing_ok=True)


def _download(version: Version, file: Path) -> bool:
    """False if the version is gone."""
    bucket = settings().inbox_bucket
    place: Any = {"Key": version.key, "VersionId": version.version_id}
    if version.moved_to:
        place = {"Key": version.moved_to}
    with aws_failures(f"reading s3://{bucket}/{place['Key']}, version {version.version_id} of {version.key}"):
        try:
            answer = aws.s3().get_object(Bucket=bucket, **place)
        except ClientError as error:
            if error.response["Error"]["Code"] in GONE:
                return False
            raise
        with file.open("wb") as target:
            for chunk in answer["Body"].iter_chunks(_CHUNK):
                target.write(chunk)
    return True
