"""What earlier releases left undone when they moved files to history/.

They wrote no note of an arrival, which a rebuild needs. And two contents of one name that one run moved could take the same
place: there the first is an older version, which S3 deletes 90 days after the second was written over it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tasks.inbox import arrivals, moving
from tasks.inbox.waiting import Version
from tasks.recovery import object_versions
from tasks.recovery.inbox_files import sha256_of
from tasks.services.snowflake import execute, rows
from tasks.settings import settings
from warehouse.load.retail.files import InboxFile, known_file, moved_files, record_files

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

_IN_A_LIST = 1000


@dataclass(frozen=True)
class Noted:
    files: int
    """How many of history/ were not noted before."""
    put_back: list[InboxFile]
    """Files whose content another had overwritten, with the place that they have now."""
    lost: list[InboxFile]
    """The same, where no version is left that has the content."""


def note(connection: SnowflakeConnection) -> Noted:
    """Put back what was overwritten, then note what MONITORING.INBOX_FILES knows and no note has. Harmless to repeat."""
    known = [known_file(row) for row in rows(connection, moved_files())]
    put_back, lost = _overwritten(known)
    if put_back:
        execute(connection, record_files(put_back))
    now = {(file.source_file, file.version_id): file for file in (*known, *put_back)}
    noted = {(each.source_file, each.version_id, each.history_file) for each in arrivals.recorded()}
    moved = [
        file for file in now.values() if (file.source_file, file.version_id, file.history_file) not in noted
    ]
    for start in range(0, len(moved), _IN_A_LIST):
        arrivals.record(moved[start : start + _IN_A_LIST])
    return Noted(len(moved), put_back, lost)


def _overwritten(known: Iterable[InboxFile]) -> tuple[list[InboxFile], list[InboxFile]]:
    """Those that are put back, and those that are lost."""
    by_place: dict[str, list[InboxFile]] = {}
    for file in known:
        if file.history_file and file.file_hash:
            by_place.setdefault(file.history_file, []).append(file)
    put_back: list[InboxFile] = []
    lost: list[InboxFile] = []
    for place, files in by_place.items():
        if len({file.file_hash for file in files}) > 1:
            current, versions = _contents(place)
            for file in files:
                assert file.file_hash is not None
                if file.file_hash == current:
                    continue
                if version := versions.get(file.file_hash):
                    put_back.append(replace(file, history_file=moving.copied(version, place, file.file_hash)))
                else:
                    lost.append(file)
    return put_back, lost


def _contents(place: str) -> tuple[str | None, dict[str, Version]]:
    """The SHA-256 of what lies there, and a version with each content that lay there."""
    found, is_deleted = object_versions.versions_of(settings().inbox_bucket, place)
    by_hash = {
        sha256_of(place, each["VersionId"]): Version(
            place, each["VersionId"], each["LastModified"], each["Size"]
        )
        for each in found
    }
    return (sha256_of(place) if found and not is_deleted else None), by_hash
