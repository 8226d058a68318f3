"""The object versions that wait in the inbox, in the order of their arrival.

Every version of a key counts, not only its latest: a file that was replaced before any run saw it has rows, too. A file that
somebody deleted is withdrawn: the versions before the deletion do not wait.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from os.path import commonprefix
from typing import Any

from tasks.errors import DataError, SystemFault, aws_failures
from tasks.services import aws
from tasks.settings import settings

INBOX, HISTORY = "inbox/", "history/"
SIDECAR = ".error.json"
GONE = frozenset({"404", "NoSuchKey", "NoSuchVersion"})
"""How S3 says that an object or a version is not there."""


Arrival = tuple[datetime, str, str]
"""When a version arrived; of two that arrived in the same second, the order of their keys and ids decides."""


@dataclass(frozen=True)
class Version:
    """One version of one object of the inbox. `received_at` is its LastModified, in UTC. `moved_to` is its key in
    history/ if it is read from there."""

    key: str
    version_id: str
    received_at: datetime
    size: int
    moved_to: str | None = None

    @property
    def load_id(self) -> str:
        return hashlib.sha256(f"{self.key}\n{self.version_id}".encode()).hexdigest()[:32]

    @property
    def arrival(self) -> Arrival:
        return self.received_at, self.key, self.version_id


def named(keys: Collection[str]) -> list[str]:
    """Keys as people and events write them, under inbox/. Raises DataError for any that is elsewhere."""
    wanted = [key if key.startswith(INBOX) else f"{INBOX}{key}" for key in keys]
    if strange := sorted(key for key in keys if key.startswith((HISTORY, "s3://", "/"))):
        raise DataError(
            f"{strange[0]} is no key of the inbox: give what stands after s3://{settings().inbox_bucket}/, such as "
            f"{INBOX}sales_20250111.csv. To load a file of {HISTORY} again, copy it to {INBOX}. Nothing was read."
        )
    return sorted({key for key in wanted if is_file(key)})


def is_file(key: str) -> bool:
    """Whether a key of the inbox is a partner's file: neither a folder nor our own word about a file."""
    return key.startswith(INBOX) and not key.endswith(("/", SIDECAR))


def waiting(keys: Collection[str] | None = None) -> list[Version]:
    """All versions that wait, or those of the named keys. The earliest first."""
    _require_versions()
    if keys is not None and not keys:
        return []
    # Of characters, not of path parts: S3 lists by any prefix.
    prefix = INBOX if keys is None else commonprefix(sorted(keys))  # noqa: RUF071
    below = versions_below(settings().inbox_bucket, prefix)
    found = [version for version in below if keys is None or version.key in keys]
    return sorted(found, key=lambda version: version.arrival)


def _require_versions() -> None:
    """Without versions, the deletion of a file that was read could hit the one that replaced it."""
    bucket = settings().inbox_bucket
    with aws_failures(f"asking for the versioning of {bucket} (HIGHWATER_INBOX_BUCKET)"):
        status = aws.s3().get_bucket_versioning(Bucket=bucket).get("Status")
    if status != "Enabled":
        raise SystemFault(
            f"the inbox bucket {bucket} keeps no versions, so a file that is replaced while it is read would be lost. "
            "Enable its versioning. Nothing was read."
        )


def versions_below(bucket: str, prefix: str) -> Iterator[Version]:
    """Of each file the newest version first, but for what was withdrawn."""
    versions: list[Any] = []
    withdrawn: dict[str, tuple[bool, datetime]] = {}
    with aws_failures(f"listing the versions of s3://{bucket}/{prefix}"):
        for page in aws.s3().get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
            versions += page.get("Versions", [])
            for marker in page.get("DeleteMarkers", []):
                latest, at = withdrawn.get(marker["Key"], (False, marker["LastModified"]))
                withdrawn[marker["Key"]] = (latest or marker["IsLatest"], max(at, marker["LastModified"]))
    for each in versions:
        is_gone, before = withdrawn.get(each["Key"], (False, None))
        # A replica has the time of its source: it may have come after the deletion and be older.
        stays = each["IsLatest"] or before is None or each["LastModified"] >= before
        if is_file(each["Key"]) and not is_gone and stays:
            received_at = each["LastModified"].astimezone(UTC)
            yield Version(each["Key"], each["VersionId"], received_at, each["Size"])
