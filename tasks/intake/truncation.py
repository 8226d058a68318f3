"""Reject snapshots that look truncated: much smaller than the previous one, or without one of its columns.

Masters and calendars are delivered in full each time, and so is a redelivered market week. A truncated one would erase
existing data. Row counts and columns are recorded when a snapshot is published, so a rejected snapshot never becomes the
baseline for the next one.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from contracts.catalog import contract
from contracts.dialects.delivered import VOID
from tasks.errors import BusinessError
from tasks.intake.landing import Slice
from tasks.intake.rules import delivery
from tasks.lake import lake_log, lake_tables

NOTE = "snapshots"
LEAST_SHARE = 0.5


@dataclass(frozen=True)
class Snapshot:
    rows: int
    columns: frozenset[str]


def snapshots_of(slice_: Slice) -> dict[date, Snapshot]:
    """Rows and columns per raw date, oldest first. All-null columns and columns outside the contract do not count."""
    rows: dict[date, int] = defaultdict(int)
    columns: dict[date, set[str]] = defaultdict(set)
    known = set(contract(slice_.dataset).names)
    for file in slice_.inputs:
        rows[file.raw_date] += file.rows
        columns[file.raw_date] |= {c for c, kind in file.columns.items() if kind != VOID and c in known}
    return {day: Snapshot(rows[day], frozenset(columns[day])) for day in sorted(rows)}


def note(slice_: Slice) -> str:
    """The slice's snapshots as JSON for the publication's log. Each distinct list of columns is stored once."""
    found = snapshots_of(slice_)
    column_lists = sorted({tuple(sorted(snapshot.columns)) for snapshot in found.values()})
    dates = {
        day.isoformat(): [snapshot.rows, column_lists.index(tuple(sorted(snapshot.columns)))]
        for day, snapshot in found.items()
    }
    return json.dumps({"columns": column_lists, "dates": dates}, separators=(",", ":"))


def noted(log: Iterable[Mapping[str, str]]) -> dict[date, Snapshot]:
    """The published snapshots recorded in a table's log. Publications from before notes existed have none."""
    found: dict[date, Snapshot] = {}
    for notes in log:
        document = json.loads(notes.get(NOTE, '{"columns": [], "dates": {}}'))
        for day, (rows, at) in document["dates"].items():
            found[date.fromisoformat(day)] = Snapshot(rows, frozenset(document["columns"][at]))
    return found


def require_whole(slices: Iterable[Slice]) -> None:
    """Raise BusinessError that lists every snapshot with less than half the previous rows, or a lost column."""
    complaints = [
        complaint
        for slice_ in slices
        if is_compared(slice_)
        for complaint in lost(
            slice_, noted(lake_log.notes_of(lake_tables.load(lake_tables.CURATED, slice_.dataset)))
        )
    ]
    if complaints:
        lines = "\n".join(f"- {complaint}" for complaint in complaints)
        raise BusinessError(
            f"{len(complaints)} sign(s) of a snapshot that was cut off on its way:\n{lines}\n"
            "None of these deliveries was processed. Ask the source to redeliver; if the data is correct, run again with "
            "accept_truncated."
        )


def is_compared(slice_: Slice) -> bool:
    """Whether a delivery is complete by contract, so that rows it lacks count as removed."""
    is_snapshot = delivery(slice_.dataset).cadence == "snapshot"
    return not slice_.is_replay and (is_snapshot or contract(slice_.dataset).is_whole)


def lost(slice_: Slice, published: Mapping[date, Snapshot]) -> Iterator[str]:
    """Compare each snapshot with its own earlier delivery if there is one, or else with the newest earlier snapshot.

    Weekly data is compared only with an earlier delivery of the same week, because sales vary between weeks.
    """
    known = dict(published)
    is_snapshot = delivery(slice_.dataset).cadence == "snapshot"
    for day, snapshot in snapshots_of(slice_).items():
        before = max((d for d in known if d == day or (is_snapshot and d < day)), default=None)
        if before is not None:
            yield from _lost(f"{slice_.dataset} {day}", snapshot, before, known[before])
        known[day] = snapshot


def _lost(name: str, snapshot: Snapshot, day: date, before: Snapshot) -> Iterator[str]:
    if snapshot.rows < LEAST_SHARE * before.rows:
        yield f"{name} has {snapshot.rows} rows, the snapshot of {day} had {before.rows}"
    if gone := sorted(before.columns - snapshot.columns):
        yield f"{name} lacks {', '.join(gone)}, which the snapshot of {day} had"
