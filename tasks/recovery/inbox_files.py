"""The retail inbox once more: files of history/, in the order in which they first arrived, loaded as a run loads them.

They are read where they lie. Put back into inbox/, each would be a new version with a later arrival, and the listener would
start runs for them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import SystemFault
from tasks.inbox import arrivals, loading, reading
from tasks.inbox.arrivals import Arrived
from tasks.inbox.ending import Ended, record_of
from tasks.inbox.inbox_steps import parts
from tasks.inbox.judging import Judged
from tasks.inbox.settling import LOADED, REFUSED
from tasks.inbox.waiting import Version
from tasks.recovery.rebuild_target import RUN_ID, LeftOut
from tasks.services import objects
from tasks.services.snowflake import execute, rows
from tasks.settings import settings
from warehouse.load.retail.files import known_file, known_files, record_files

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

_EVERY_ROW_MAY_BREAK = 1.0
"""Each of these files was taken once, by the limit that its run was given."""
_SHOWN = 10


def rebuild(connection: SnowflakeConnection) -> Iterator[str]:
    arrived = {(each.source_file, each.version_id): each for each in arrivals.recorded()}
    lying = {file.key: file.size for file in objects.listed(f"s3://{settings().inbox_bucket}/history/")}
    present = [each for each in arrived.values() if each.history_file in lying]
    versions = [_version(each, lying[each.history_file]) for each in present]
    loaded = 0
    refused: list[str] = []
    for part in parts(versions):
        if waiting := _not_done(connection, part):
            ends = _load(connection, waiting, arrived)
            loaded += sum(each.status == LOADED for each in ends)
            refused += [f"{each.version.key}: {each.message}" for each in ends if each.status == REFUSED]
    yield f"retail inbox: {loaded} files loaded, of {len(versions)} that history/ has by their arrivals"
    yield from _left_out(arrived.values(), lying, refused)


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
    connection: SnowflakeConnection, part: Sequence[Version], arrived: Mapping[tuple[str, str], Arrived]
) -> list[Ended]:
    with tempfile.TemporaryDirectory() as scratch:
        judged, faults = reading.read(part, Path(scratch), _EVERY_ROW_MAY_BREAK)
        if faults:
            raise faults[0]
        for file in judged:
            _require_same(file, arrived[file.version.key, file.version.version_id])
        ends = loading.load(connection, judged, RUN_ID, Path(scratch))
    placed = [
        replace(record_of(end, RUN_ID), history_file=end.version.moved_to)
        for end in ends
        if end.status != REFUSED
    ]
    if placed:
        execute(connection, record_files(placed))
    return ends


def _require_same(file: Judged, arrived: Arrived) -> None:
    if file.file_hash and file.file_hash != arrived.file_hash:
        raise SystemFault(
            f"{arrived.history_file} of the inbox's bucket has the SHA-256 {file.file_hash}, and had "
            f"{arrived.file_hash} when it was moved there: it was overwritten. Restore that version, then run again."
        )


def _left_out(arrived: Iterable[Arrived], lying: Mapping[str, int], refused: Sequence[str]) -> Iterator[str]:
    known = {each.history_file for each in arrived}
    gone = sorted(known - lying.keys())
    unknown = sorted(key for key in lying if key not in known and not key.startswith(f"{arrivals.FOLDER}/"))
    for what, keys in (
        ("left out, no longer in history/: restore them and run again", gone),
        (
            "left out, moved by a release that noted no arrivals: copy them to inbox/ in the order in which they came",
            unknown,
        ),
        ("left out, refused by today's contract", refused),
    ):
        if keys:
            more = f" and {len(keys) - _SHOWN} others" if len(keys) > _SHOWN else ""
            yield LeftOut(f"retail inbox, {what}: {', '.join(keys[:_SHOWN])}{more}")
