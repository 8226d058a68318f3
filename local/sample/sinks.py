"""Where sample files go: a directory or a bucket."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

UPLOAD_THREADS = 8


class Sink(Protocol):
    def put_all(self, files: Iterator[tuple[str, Path]]) -> int:
        """Write the (key, file) pairs. Returns their number."""


@dataclass(frozen=True)
class DirectorySink:
    root: Path

    def put_all(self, files: Iterator[tuple[str, Path]]) -> int:
        count = 0
        for key, source in files:
            target = self.root / key
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            count += 1
        return count


@dataclass(frozen=True)
class BucketSink:
    bucket: str
    client: S3Client

    def put_all(self, files: Iterator[tuple[str, Path]]) -> int:
        def put(item: tuple[str, Path]) -> None:
            key, source = item
            self.client.put_object(Bucket=self.bucket, Key=key, Body=source.read_bytes())

        with ThreadPoolExecutor(UPLOAD_THREADS) as threads:
            return sum(1 for _ in threads.map(put, files))
