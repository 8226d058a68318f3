"""The steps of a run of the retail inbox. Each may die at any instant and be repeated by any run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tasks.errors import SystemFault
from tasks.inbox import arrivals, loading, moving, reading
from tasks.inbox.ending import Ended, record_of, waiting_record
from tasks.inbox.file_name import FileName
from tasks.inbox.judging import Judged
from tasks.inbox.settling import LOADED, REFUSED, UNCHANGED
from tasks.inbox.waiting import Version, named, waiting
from tasks.runs import alerts
from tasks.runs.run import Run
from tasks.services.snowflake import execute, rows
from tasks.step import step
from tasks.warehouse.warehouse_marts import refresh_retail_marts
from warehouse.load.retail.files import InboxFile, known_file, known_files, record_files

_PART_FILES = 200
_PART_BYTES = 2 << 30
_LONG = timedelta(hours=1)
_SHOWN = 10
_AT_ONCE = 8


@dataclass
class Sorted:
    """Files of a part: to read, and those that an earlier run loaded and did not move."""

    to_read: list[Version] = field(default_factory=list)
    to_move: list[InboxFile] = field(default_factory=list)
    refused_before: int = 0


@step("look into the inbox")
def look(keys: Sequence[str] | None) -> list[Version]:
    """All versions that wait, or those of the named keys. The earliest first."""
    return waiting(None if keys is None else named(keys))


def parts(versions: Iterable[Version]) -> list[list[Version]]:
    """The versions in their order, so many at a time that their rows find room."""
    found: list[list[Version]] = []
    size = 0
    for version in versions:
        if not found or len(found[-1]) == _PART_FILES or size + version.size > _PART_BYTES:
            found.append([])
            size = 0
        found[-1].append(version)
        size += version.size
    return found


@step("sort files")
def sort(run: Run, versions: Sequence[Version], again: bool) -> Sorted:
    """What to do with each version. `again`: those that were refused before are tried again."""
    asked = known_files({version.key for version in versions}, ())
    with run.session("sort files") as connection:
        known = {
            (each.source_file, each.version_id): each for each in map(known_file, rows(connection, asked))
        }
        found = Sorted()
        for version in versions:
            before = known.get((version.key, version.version_id))
            if before and before.status in (LOADED, UNCHANGED):
                found.to_move.append(before)
            elif before and before.status == REFUSED and not again:
                found.refused_before += 1
            else:
                found.to_read.append(version)
        if found.to_read:
            execute(connection, record_files(waiting_record(each, run.run_id) for each in found.to_read))
    # One that was refused has not waited for a run but for a correction.
    refused = {key for key, before in known.items() if before.status == REFUSED}
    _warn_of_long_waits(run, [each for each in found.to_read if (each.key, each.version_id) not in refused])
    return found


def _warn_of_long_waits(run: Run, versions: Sequence[Version]) -> None:
    late = [each for each in versions if datetime.now(UTC) - each.received_at > _LONG]
    if late:
        shown = ", ".join(each.key for each in late[:_SHOWN])
        message = (
            f"{len(late)} files of the inbox have waited for more than an hour until this run took them: {shown}"
            f"{' and others' if len(late) > _SHOWN else ''}. Were runs of retail-inbox late, or is its listener down?"
        )
        alerts.send_once(_event("waited", (each.load_id for each in late)), "WARNING", message, run.facts())


@step("read files", persist_result=False)
def read(
    versions: Sequence[Version], scratch: Path, broken_rate_max: float
) -> tuple[list[Judged], list[SystemFault]]:
    return reading.read(versions, scratch, broken_rate_max)


@step("refuse files", persist_result=False)
def refuse(run: Run, refused: Sequence[Judged]) -> None:
    """Say beside each file why it was refused, and notify people once of its content under its name. Before the refusal is
    recorded: then nobody looks."""
    for file in refused:
        moving.write_sidecar(file, run.run_id)
    told = {_event("refused", (file.version.key, _content(file))): f"- {file.refusal}" for file in refused}
    with alerts.untold(told, run.facts()) as news:
        if news:
            shown = "\n".join(told[event] for event in news[:_SHOWN])
            more = f"\nand {len(news) - _SHOWN} others" if len(news) > _SHOWN else ""
            message = (
                f"{len(news)} files of the inbox were refused; nothing of them was loaded:\n{shown}{more}"
            )
            alerts.send("HIGH", message, run.facts())


def _content(file: Judged) -> str:
    """What tells a content from others. One that was not read, because of its name or size, is told by its version."""
    return file.file_hash or file.version.version_id


@step("load files", persist_result=False)
def load(run: Run, judged: Sequence[Judged], scratch: Path) -> list[Ended]:
    with run.session("load files") as connection:
        return loading.load(connection, judged, run.run_id, scratch)


@step("move files to history", persist_result=False)
def move(run: Run, ended: Sequence[Ended], before: Sequence[InboxFile]) -> list[SystemFault]:
    """Move what is loaded or unchanged, and record where to. Returns why some were not."""
    files = [*before, *(record_of(each, run.run_id) for each in ended if each.status in (LOADED, UNCHANGED))]
    if not files:
        return []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = [each for some in pool.map(_copied_in_turn, _by_place(files)) for each in some]
        copied = [each for each in found if isinstance(each, InboxFile)]
        # Before the deletion: once a file has left the inbox, no run looks at it again.
        arrivals.record(copied)
        with run.session("record history files") as connection:
            execute(connection, record_files(copied))
        faults = [*found, *pool.map(_deleted, copied)]
    return [each for each in faults if isinstance(each, SystemFault)]


def _by_place(files: Iterable[InboxFile]) -> list[list[InboxFile]]:
    """The files by the key that each would like to have in history/."""
    found: dict[str, list[InboxFile]] = {}
    for file in files:
        found.setdefault(moving.history_key(_version(file), _name(file)), []).append(file)
    return list(found.values())


def _copied_in_turn(files: Sequence[InboxFile]) -> list[InboxFile | SystemFault]:
    return [_copied(file) for file in files]


def _copied(file: InboxFile) -> InboxFile | SystemFault:
    assert file.file_hash is not None
    try:
        return replace(file, history_file=moving.copy_to_history(_version(file), _name(file), file.file_hash))
    except SystemFault as fault:
        return fault


def _name(file: InboxFile) -> FileName:
    assert file.kind is not None
    assert file.batch_date is not None
    return FileName(file.kind, file.batch_date)


def _deleted(file: InboxFile) -> SystemFault | None:
    try:
        moving.delete_sidecar(_version(file))
        moving.delete_read(_version(file))
    except SystemFault as fault:
        return fault
    return None


def _version(file: InboxFile) -> Version:
    return Version(file.source_file, file.version_id, file.received_at, 0)


@step("refresh retail marts")
def refresh_marts(run: Run) -> int:
    """Bring the retail marts up to date with STAGE. Returns how many changes were waiting for it."""
    with run.session("retail marts") as connection:
        return refresh_retail_marts(connection, f"run {run.run_id}")


def _event(what: str, about: Iterable[str]) -> str:
    return f"inbox-{what}/{hashlib.sha256(' '.join(sorted(about)).encode()).hexdigest()[:32]}"
