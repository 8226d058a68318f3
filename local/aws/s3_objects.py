"""Read moto's S3 objects in process: no HTTP, and no copy of a body through a socket."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import FakeBucket, FakeKey, S3Backend, s3_backends

from local.aws.actions import Overrides

CHUNK = 16 * 1024 * 1024


@dataclass(frozen=True)
class StoredObject:
    bucket: str
    key: str
    size: int
    modified: float
    version: str


def bucket_names() -> list[str]:
    return list(_backend().buckets)


def stored_objects(bucket: str) -> Iterator[StoredObject]:
    for key, found in _bucket(bucket).keys.items():
        if isinstance(found, FakeKey):
            yield _described(bucket, key, found)


def stored_object(bucket: str, key: str) -> StoredObject | None:
    found = _current(bucket, key)
    return None if found is None else _described(bucket, key, found)


def write_body(bucket: str, key: str, to: Path) -> StoredObject | None:
    """Write the object's current body to a file. Returns None if the object does not exist."""
    while (found := _current(bucket, key)) is not None:
        try:
            with found.lock, to.open("wb") as file:
                found._value_buffer.seek(0)
                shutil.copyfileobj(found._value_buffer, file, CHUNK)
            return _described(bucket, key, found)
        except ValueError:
            if not found.disposed:  # a disposed body was replaced or deleted in the meantime: retry
                raise
    to.unlink(missing_ok=True)
    return None


def guard_bodies(overrides: Overrides) -> None:
    """Compute ETags under the lock of the object's body. moto moves the body's file pointer without taking the lock.

    Without this, a concurrent reader may get only a part of the body, or moto may store the ETag of a part.
    """
    unguarded = FakeKey.__dict__["etag"].fget
    if getattr(
        unguarded, "is_guarded", False
    ):  # by another server of this process: the lock can't be taken twice
        return

    def etag(self: FakeKey) -> str:
        with self.lock:
            return cast(str, unguarded(self))

    etag.is_guarded = True  # type: ignore[attr-defined]
    overrides.replace(FakeKey, "etag", property(etag))


def _described(bucket: str, key: str, found: FakeKey) -> StoredObject:
    modified = found.last_modified.timestamp()
    return StoredObject(bucket, key, found.contentsize, modified, f"{modified:.6f}/{found.version_id}")


def _current(bucket: str, key: str) -> FakeKey | None:
    found = _bucket(bucket).keys.get(key) if bucket in _backend().buckets else None
    return found if isinstance(found, FakeKey) else None


def _bucket(bucket: str) -> FakeBucket:
    return _backend().buckets[bucket]


def _backend() -> S3Backend:
    return s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
