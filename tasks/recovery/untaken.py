"""What the copy of a lost region's inbox still has: files that were never taken, and content that history/ lacks.

S3 copies an object's version id and time with it. So a version that has no arrival in history/ of our inbox, into which the
copy's history was brought, was waiting or refused. One that has may still lack its content there: S3 copies each object by
itself, in no order, and the note of an arrival is small.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tasks.errors import aws_failures
from tasks.inbox import arrivals
from tasks.inbox.arrivals import Arrived
from tasks.inbox.waiting import INBOX, Version, versions_below
from tasks.services import aws, objects
from tasks.settings import settings

_APART = 1.5
"""Seconds. S3's times have whole ones."""


@dataclass(frozen=True)
class Copied:
    """A version of the copy, and the id that it has in our inbox."""

    version: Version
    version_id: str


@dataclass(frozen=True)
class Brought:
    put_back: list[str]
    """Keys of history/ that have their content again."""
    waiting: list[Copied]
    """Files in inbox/, in the order in which they came."""


def bring(copy: str) -> Brought:
    """Bring both from the bucket of the copy into our inbox.

    What the copy has forgotten since stays away. Deletions are not copied: a file that its sender had withdrawn comes back,
    and a person has to look for it. Harmless to repeat: each file comes once more, in the same order.
    """
    arrived = arrivals.recorded()
    held = list(versions_below(copy, INBOX))
    put_back = _put_back(copy, held, arrived)
    return Brought(put_back, _brought(copy, _untaken(held, arrived)))


def _put_back(copy: str, held: Iterable[Version], arrived: Iterable[Arrived]) -> list[str]:
    """To where the note says that it lies. In inbox/ it would arrive after versions of its name that came later."""
    lying = {found.key for found in objects.listed(f"s3://{settings().inbox_bucket}/history/")}
    places: dict[tuple[str, str], list[str]] = {}
    for each in arrived:
        places.setdefault((each.source_file, each.version_id), []).append(each.history_file)
    filled = []
    for version in held:
        known = places.get((version.key, version.version_id), [])
        if known and lying.isdisjoint(known):
            _copy(copy, version, known[0])
            lying.add(known[0])
            filled.append(known[0])
    return sorted(filled)


def _brought(copy: str, untaken: list[Version]) -> list[Copied]:
    found = []
    for each, following in zip(untaken, [*untaken[1:], None], strict=False):
        found.append(Copied(each, _copy(copy, each, each.key)))
        # Of two that arrive within a second, the inbox goes by the key, then by the id.
        if following and following.key <= each.key:
            time.sleep(_APART)
    return found


def _untaken(held: Iterable[Version], arrived: Iterable[Arrived]) -> list[Version]:
    taken = {(each.source_file, each.version_id) for each in arrived}
    found = [each for each in held if (each.key, each.version_id) not in taken]
    # S3 lists the newest version of a name first. Nothing else orders versions of the same second.
    found.reverse()
    return sorted(found, key=lambda version: (version.received_at, version.key))


def _copy(copy: str, version: Version, key: str) -> str:
    """The id of the new version."""
    source: Any = {"Bucket": copy, "Key": version.key, "VersionId": version.version_id}
    bucket = settings().inbox_bucket
    with aws_failures(
        f"copying version {version.version_id} of s3://{copy}/{version.key} to s3://{bucket}/{key}"
    ):
        # Managed: an object of more than 5 GB is copied in parts. It does not tell the id.
        aws.s3().copy(source, bucket, key)
        return str(aws.s3().head_object(Bucket=bucket, Key=key)["VersionId"])
