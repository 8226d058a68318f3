"""The retail inbox once more: files of history/, in the order in which they first arrived, loaded as a run loads them.

They are read where they lie. Put back into inbox/, each would be a new version with a later arrival, and the listener would
start runs for them.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.errors import aws_failures
from tasks.inbox import arrivals, loading, reading
from tasks.inbox.arrivals import Arrived
from tasks.inbox.ending import Ended, record_of
from tasks.inbox.inbox_steps import parts
from tasks.inbox.judging import Judged
from tasks.inbox.settling import LOADED, REFUSED
from tasks.inbox.waiting import Version
from tasks.recovery.rebuild_target import RUN_ID, LeftOut
from tasks.services import aws, objects
from tasks.services.snowflake import execute, rows
from tasks.settings import settings
from warehouse.load.retail.files import known_file, known_files, record_files

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

_EVERY_ROW_MAY_BREAK = 1.0
"""Each of these files was taken once, by the limit that its run was given."""
_SHOWN = 10
_CHUNK = 1 << 20


def rebuild(connection: SnowflakeConnection) -> Iterator[str]:
    arrived, broken = arrivals.readable()
    lying = {file.key: file.size for file in objects.listed(f"s3://{settings().inbox_bucket}/history/")}
    whole = present(arrived, lying)
    versions = [_version(each, lying[each.history_file]) for each in whole.values()]
    versions.sort(key=lambda version: version.arrival)
    out = _Out(
        lists=[str(error) for error in broken],
        gone={each.history_file for each in arrived if _id(each) not in whole},
    )
    loaded = 0
    for part in parts(versions):
        if waiting := _not_done(connection, part):
            ends = _load(connection, waiting, whole, out)
            loaded += sum(each.status == LOADED for each in ends)
            out.refused += [f"{each.version.key}: {each.message}" for each in ends if each.status == REFUSED]
    yield f"retail inbox: {loaded} files loaded, of {len(versions)} that history/ has by their arrivals"
    known = {each.history_file for each in arrived}
    out.unknown += (key for key in lying if key not in known and not key.startswith(f"{arrivals.FOLDER}/"))
    yield from out.lines()


def present(arrived: Iterable[Arrived], lying: Container[str]) -> dict[tuple[str, str], Arrived]:
    """By version: of several places to which it was moved, the first that still has its content."""
    places: dict[tuple[str, str], list[Arrived]] = {}
    for each in arrived:
        if each.history_file in lying:
            places.setdefault(_id(each), []).append(each)
    return {
        version: found[0] if len(found) == 1 else next(filter(_has_its_content, found), found[0])
        for version, found in places.items()
    }


def _has_its_content(arrived: Arrived) -> bool:
    return sha256_of(arrived.history_file) == arrived.file_hash


def sha256_of(key: str, version_id: str | None = None) -> str:
    """By the content itself: of an object that was copied in parts, or brought here by hand, S3 may know none."""
    bucket, digest = settings().inbox_bucket, hashlib.sha256()
    version: Any = {"VersionId": version_id} if version_id else {}
    with aws_failures(f"reading s3://{bucket}/{key}"):
        for chunk in aws.s3().get_object(Bucket=bucket, Key=key, **version)["Body"].iter_chunks(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


@dataclass
class _Out:
    """What is left out, by the reason."""

    lists: list[str]
    gone: set[str]
    changed: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        unknown = (
            "in no list of arrivals that can be read: restore the lists"
            if self.lists
            else "moved by a release that noted no arrivals: copy them to inbox/ in the order in which they came"
        )
        for what, keys in (
            ("what these lists have alone: run again after that", self.lists),
            ("no longer in history/: restore them and run again", sorted(self.gone)),
            (
                "overwritten in history/: restore the version that was moved there and run again, or, if none is left"
                " (note-arrivals says so), ask the sender",
                self.changed,
            ),
            (unknown, sorted(self.unknown)),
            ("refused by today's contract", self.refused),
        ):
            if keys:
                more = f" and {len(keys) - _SHOWN} others" if len(keys) > _SHOWN else ""
                yield LeftOut(f"retail inbox, left out, {what}: {', '.join(keys[:_SHOWN])}{more}")


def _id(arrived: Arrived) -> tuple[str, str]:
    return arrived.source_file, arrived.version_id


def _version(arrived: Arrived, size: int) -> Version:
    return Version(
        arrived.source_file, arrived.version_id, arrived.received_at, size, moved_to=arrived.history_file
    )


def _not_done(connection: SnowflakeConnection, part: Sequence[Version]) -> list[Version]:
    asked = known_files({version.key for version in part}, ())
    known = map(known_file, rows(connection, asked))
    done = {(each.source_file, each.version_id) for each in known if each.history_file}
    return [version for version in part if (version.key, version.version_id) not in done]


def _load(
    connection: SnowflakeConnection,
    part: Sequence[Version],
    arrived: Mapping[tuple[str, str], Arrived],
    out: _Out,
) -> list[Ended]:
    with tempfile.TemporaryDirectory() as scratch:
        judged, faults = reading.read(part, Path(scratch), _EVERY_ROW_MAY_BREAK)
        if faults:
            raise faults[0]
        kept = list(_as_moved(judged, arrived, out))
        ends = loading.load(connection, kept, RUN_ID, Path(scratch)) if kept else []
    placed = [
        replace(record_of(end, RUN_ID), history_file=end.version.moved_to)
        for end in ends
        if end.status != REFUSED
    ]
    if placed:
        execute(connection, record_files(placed))
    return ends


def _as_moved(
    judged: Iterable[Judged], arrived: Mapping[tuple[str, str], Arrived], out: _Out
) -> Iterator[Judged]:
    """Those whose content is what was moved. Of the others it is said that they are left out."""
    for file in judged:
        moved = arrived[file.version.key, file.version.version_id]
        if file.is_gone:  # since history/ was listed
            out.gone.add(moved.history_file)
        elif file.file_hash and file.file_hash != moved.file_hash:
            out.changed.append(
                f"{moved.history_file} (SHA-256 {file.file_hash}, and had {moved.file_hash} when it was moved)"
            )
        else:
            yield file
