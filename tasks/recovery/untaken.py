"""Files in the inbox of a lost region that were never taken, found by what its history says of those that were."""

from __future__ import annotations

from typing import Any

from tasks.errors import aws_failures
from tasks.inbox import arrivals
from tasks.services import aws
from tasks.settings import settings

_INBOX = "inbox/"


def bring(copy: str) -> list[str]:
    """Copy them from the bucket of the copy into our inbox, in the order in which they came. Returns their keys.

    S3 copies an object's version id and time with it, and deletions not at all. So a version that has no arrival in
    history/ of our inbox, into which the copy's history was brought, was waiting or refused. Harmless to repeat: each
    comes once more, in the same order.
    """
    taken = {(each.source_file, each.version_id) for each in arrivals.recorded()}
    versions = []
    with aws_failures(f"listing the versions of s3://{copy}/{_INBOX}"):
        for page in aws.s3().get_paginator("list_object_versions").paginate(Bucket=copy, Prefix=_INBOX):
            versions += page.get("Versions", [])
    waiting = [each for each in versions if (each["Key"], each["VersionId"]) not in taken]
    waiting.reverse()  # S3 lists the newest version of a name first, and its times have whole seconds
    waiting.sort(key=lambda version: version["LastModified"])
    for each in waiting:
        source: Any = {"Bucket": copy, "Key": each["Key"], "VersionId": each["VersionId"]}
        with aws_failures(f"copying version {each['VersionId']} of s3://{copy}/{each['Key']}"):
            aws.s3().copy(source, settings().inbox_bucket, each["Key"])
    return [each["Key"] for each in waiting]
