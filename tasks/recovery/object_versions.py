"""Restore an object of a bucket that keeps versions: what was deleted or overwritten becomes the current version again."""

from __future__ import annotations

from typing import Any

from tasks.errors import DataError, aws_failures
from tasks.services import aws


def restore(address: str, version_id: str | None = None) -> str:
    """Copy a version over the object and return the version's id. Without an id: the last one of an object that is deleted.

    Nothing is lost by it: what was there before stays as an older version.
    """
    bucket, key = aws.split(address)
    versions, is_deleted = versions_of(bucket, key)
    if not versions:
        raise DataError(f"{address}: no version of it is left. Nothing was restored.")
    if version_id is None and not is_deleted:
        known = ", ".join(
            f"{each['VersionId']} ({each['LastModified']:%Y-%m-%d %H:%M:%S})" for each in versions
        )
        raise DataError(
            f"{address} is not deleted. Name the version with --version: {known}. Nothing was restored."
        )
    if version_id and version_id not in {each["VersionId"] for each in versions}:
        raise DataError(f"{address} has no version {version_id}. Nothing was restored.")
    chosen = version_id or str(versions[0]["VersionId"])
    with aws_failures(f"restoring version {chosen} of {address}"):
        # Managed: an object of more than 5 GB is copied in parts.
        aws.s3().copy({"Bucket": bucket, "Key": key, "VersionId": chosen}, bucket, key)
    return chosen


def versions_of(bucket: str, key: str) -> tuple[list[Any], bool]:
    """The versions, the newest first, and whether a deletion is the newest of all."""
    versions: list[Any] = []
    is_deleted = False
    with aws_failures(f"listing the versions of s3://{bucket}/{key}"):
        for page in aws.s3().get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key):
            versions += [each for each in page.get("Versions", []) if each["Key"] == key]
            is_deleted |= any(m["IsLatest"] for m in page.get("DeleteMarkers", []) if m["Key"] == key)
    return sorted(versions, key=lambda each: each["LastModified"], reverse=True), is_deleted
