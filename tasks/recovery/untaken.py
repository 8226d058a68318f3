"""Files in the inbox of a lost region that were never taken, found by what its history says of those that were."""

from __future__ import annotations

import time
from typing import Any

from tasks.errors import aws_failures
from tasks.inbox import arrivals
from tasks.inbox.waiting import INBOX, Version, versions_below
from tasks.services import aws
from tasks.settings import settings

_APART = 1.5
"""Seconds. S3's times have whole ones, and its clocks may differ a little."""


def bring(copy: str) -> list[Version]:
    """Copy them from the bucket of the copy into our inbox, in the order in which they came. Returns what was copied.

    S3 copies an object's version id and time with it. So a version that has no arrival in history/ of our inbox, into which
    the copy's history was brought, was waiting or refused. What the copy has forgotten since stays there. Deletions are not
    copied: a file that its sender had withdrawn comes back, and a person has to look for it. Harmless to repeat: each comes
    once more, in the same order.
    """
    waiting = _untaken(copy)
    for each, following in zip(waiting, [*waiting[1:], None], strict=True):
        source: Any = {"Bucket": copy, "Key": each.key, "VersionId": each.version_id}
        with aws_failures(f"copying version {each.version_id} of s3://{copy}/{each.key}"):
            aws.s3().copy(source, settings().inbox_bucket, each.key)
        # Of two that arrive within a second, the inbox goes by the key, then by the id.
        if following and following.key <= each.key:
            time.sleep(_APART)
    return waiting


def _untaken(copy: str) -> list[Version]:
    taken = {(each.source_file, each.version_id) for each in arrivals.recorded()}
    found = [each for each in versions_below(copy, INBOX) if (each.key, each.version_id) not in taken]
    # S3 lists the newest version of a name first, and those of one second are told apart by nothing else.
    found.reverse()
    return sorted(found, key=lambda version: (version.received_at, version.key))
