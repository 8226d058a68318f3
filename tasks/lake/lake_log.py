"""The log of a lake table: what each snapshot says it holds. The warehouse replays it, and a re-run looks what is done."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from tasks.errors import SystemFault
from tasks.events import log
from tasks.lake.lake_tables import PUBLISHED_FOLDER, live_files, told

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot

NOTE_PREFIX = "highwater."


@dataclass(frozen=True)
class Published:
    """One entry of a table's log, as the warehouse's loader needs it."""

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


def processed_raw_dates(table: Table | None) -> set[date]:
    if table is None:
        return set()
    return {d for snapshot in lineage(table) for d in _raw_dates(summary(snapshot))}


def last_notes(table: Table | None) -> dict[str, str]:
    """What the newest publication says about itself."""
    snapshot = table.current_snapshot() if table else None
    return summary(snapshot) if snapshot else {}


def notes_of(table: Table | None) -> list[dict[str, str]]:
    """What each publication says about itself, oldest first."""
    return [summary(snapshot) for snapshot in lineage(table)] if table else []


def log_after(table: Table, loaded: int | None) -> Iterator[Published]:
    """The publications that came after a snapshot, oldest first.

    Where nothing was loaded, or the table is another one, its live files are the log: they hold one row per key, which is
    the state that replaying everything would reach. What expired snapshots say of the days that they processed is lost:
    that is for a person to mend, not to be passed over.
    """
    snapshots = lineage(table)
    ids = [snapshot.snapshot_id for snapshot in snapshots]
    # The first snapshot of a table has the number 1; some engines make an orphan forget that it had a parent.
    if snapshots and (snapshots[0].sequence_number or 1) > 1 and loaded not in ids:
        _say_what_expired(table, snapshots[0], loaded)
    if loaded in ids:
        for snapshot in snapshots[ids.index(loaded) + 1 :]:
            yield _published(snapshot, _added_files(table, snapshot))
    elif snapshots:
        everything = live_files(table)
        dates = tuple(sorted({d for snapshot in snapshots for d in _raw_dates(summary(snapshot))}))
        latest = _published(snapshots[-1], everything)
        sightings = ",".join(filter(None, (summary(s).get("sightings", "") for s in snapshots)))
        yield replace(latest, raw_dates=dates, notes={**latest.notes, "sightings": sightings})


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
    """The files with rows that are new in the snapshot; survivors of a rewrite were there before."""
    from pyiceberg.manifest import ManifestEntryStatus

    with told(f"reading the log of {'.'.join(table.name())}"):
        added = [
            entry.data_file
            for manifest in snapshot.manifests(table.io)
            if manifest.added_snapshot_id == snapshot.snapshot_id
            for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True)
            if entry.status == ManifestEntryStatus.ADDED and entry.snapshot_id == snapshot.snapshot_id
        ]
    return [file for file in added if PUBLISHED_FOLDER in file.file_path]
