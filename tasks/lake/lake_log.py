"""The log of a lake table: what each snapshot records. The warehouse replays it; a repeated run looks up its work."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from tasks.errors import SystemFault
from tasks.events import log
from tasks.lake.lake_tables import PUBLISHED_FOLDER, lake_failures, live_files
from tasks.services import objects

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot

NOTE_PREFIX = "highwater."
MAINTENANCE = "maintenance"
"""The note of a commit that changed files and no rows: it is no publication, and nothing is to be loaded from it."""
EXPIRED = f"{NOTE_PREFIX}expired-log"
"""The table's property with the address of what the publications said whose snapshots were expired."""


@dataclass(frozen=True)
class Published:
    """One log entry, with the fields that the warehouse load needs."""

    snapshot_id: int
    sequence: int
    files: tuple[str, ...]
    raw_dates: tuple[date, ...]
    notes: dict[str, str]
    rows: int
    """That the files hold, by the table's manifests."""


def summary(snapshot: Snapshot) -> dict[str, str]:
    properties = snapshot.summary.additional_properties if snapshot.summary else {}
    return {
        name.removeprefix(NOTE_PREFIX): value
        for name, value in properties.items()
        if name.startswith(NOTE_PREFIX)
    }


def lineage(table: Table) -> list[Snapshot]:
    """The snapshots that led to the current one, oldest first."""
    chain: list[Snapshot] = []
    snapshot = table.current_snapshot()
    while snapshot is not None:
        chain.append(snapshot)
        snapshot = table.snapshot_by_id(snapshot.parent_snapshot_id) if snapshot.parent_snapshot_id else None
    return chain[::-1]


def _raw_dates(notes: dict[str, str]) -> tuple[date, ...]:
    return tuple(date.fromisoformat(d) for d in notes.get("raw-dates", "").split(",") if d)


def is_publication(snapshot: Snapshot) -> bool:
    return MAINTENANCE not in summary(snapshot)


def newest_publication(table: Table | None) -> Snapshot | None:
    """The snapshot of the newest publication. The table has its rows, though perhaps in other files since a compaction."""
    return next(filter(is_publication, reversed(lineage(table))), None) if table else None


def publication_id(table: Table | None) -> int | None:
    snapshot = newest_publication(table)
    return snapshot.snapshot_id if snapshot else None


def processed_raw_dates(table: Table | None) -> set[date]:
    return {d for notes in notes_of(table) for d in _raw_dates(notes)}


def last_notes(table: Table | None) -> dict[str, str]:
    """The notes of the newest publication."""
    snapshot = newest_publication(table)
    return summary(snapshot) if snapshot else {}


def notes_of(table: Table | None) -> list[dict[str, str]]:
    """The notes of every publication, oldest first, including those of expired snapshots."""
    if table is None:
        return []
    expired = [entry["notes"] for entry in expired_log(table)]
    kept = [summary(snapshot) for snapshot in lineage(table)]
    return [notes for notes in (*expired, *kept) if MAINTENANCE not in notes]


def expired_log(table: Table) -> list[dict[str, Any]]:
    """The log entries of expired snapshots, oldest first."""
    address = table.properties.get(EXPIRED)
    return list(objects.read_json(address)["snapshots"]) if address else []


def log_entry(snapshot: Snapshot) -> dict[str, Any]:
    """The log entry that remains of an expired snapshot."""
    return {
        "snapshot_id": snapshot.snapshot_id,
        "sequence": snapshot.sequence_number or 0,
        "timestamp_ms": snapshot.timestamp_ms,
        "notes": summary(snapshot),
    }


def log_after(table: Table, loaded: int | None) -> Iterator[Published]:
    """The publications after a snapshot, oldest first.

    If nothing was loaded yet, or the table was recreated, the table's live files are the log: they hold one row per
    key, the state that a full replay would reach. If another tool expired snapshots, their record of processed days is
    lost. That raises an error, because a person must decide what to do.
    """
    snapshots = lineage(table)
    ids = [snapshot.snapshot_id for snapshot in snapshots]
    if snapshots and loaded not in ids and _is_cut_off(table, snapshots[0], loaded):
        _say_what_expired(table, snapshots[0], loaded)
    if loaded in ids:
        for snapshot in filter(is_publication, snapshots[ids.index(loaded) + 1 :]):
            yield _published(snapshot, _added_files(table, snapshot))
    elif snapshots:
        latest = _published(snapshots[-1], live_files(table))
        dates = tuple(sorted(processed_raw_dates(table)))
        sightings = ",".join(filter(None, (notes.get("sightings") for notes in notes_of(table))))
        yield replace(latest, raw_dates=dates, notes={**last_notes(table), "sightings": sightings})


def _is_cut_off(table: Table, oldest: Snapshot, loaded: int | None) -> bool:
    """Whether log entries before the oldest snapshot are missing. Parent ids do not tell: some engines drop them."""
    before = expired_log(table) if loaded is None else []
    known = before[-1]["sequence"] if before else 0
    return (oldest.sequence_number or 1) > known + 1


def _say_what_expired(table: Table, oldest: Snapshot, loaded: int | None) -> None:
    name = ".".join(table.name())
    kept = f"the oldest one kept is of {datetime.fromtimestamp(oldest.timestamp_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    backfill = "run cpg-backfill over the days before it, so that what their calendars withdrew is found"
    if loaded is None:
        log(f"the log of {name} is cut off", level=logging.WARNING, oldest=kept, advice=backfill)
        return
    raise SystemFault(
        f"{name}: snapshot {loaded}, the last that the warehouse holds, and those after it were expired before they were "
        f"loaded; {kept}. Their rows are in the table, but which days they processed is not known. "
        f"Delete the row of {table.name()[-1]} from MONITORING.LOAD_HEADS, so that the next load takes the whole table; "
        f"then {backfill}. Keep snapshots for longer than the warehouse is ever behind."
    )


def _published(snapshot: Snapshot, files: Iterable[DataFile]) -> Published:
    notes = summary(snapshot)
    rows = {file.file_path: file.record_count for file in files}
    return Published(
        snapshot.snapshot_id,
        snapshot.sequence_number or 0,
        tuple(sorted(rows)),
        _raw_dates(notes),
        notes,
        sum(rows.values()),
    )


def _added_files(table: Table, snapshot: Snapshot) -> list[DataFile]:
    """The files with rows that are new in the snapshot, without survivors of a rewrite."""
    from pyiceberg.manifest import ManifestEntryStatus

    with lake_failures(f"reading the log of {'.'.join(table.name())}"):
        added = [
            entry.data_file
            for manifest in snapshot.manifests(table.io)
            if manifest.added_snapshot_id == snapshot.snapshot_id
            for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True)
            if entry.status == ManifestEntryStatus.ADDED and entry.snapshot_id == snapshot.snapshot_id
        ]
    return [file for file in added if PUBLISHED_FOLDER in file.file_path]
