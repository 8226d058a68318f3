"""A snapshot that has lost much of what the one before had was cut off on its way: refused, not taken for news.

A master or a calendar is whole each time, and so is a market week that is delivered again. One of less than half the
rows, or without a column that the one before had, would wipe out what is known. What each snapshot had is noted where it
is published, so that a refused one is never what the next one is compared with.
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
    """What each raw date delivered, oldest first. A column of nulls alone is none; nor is one that no contract knows."""
    rows: dict[date, int] = defaultdict(int)
    columns: dict[date, set[str]] = defaultdict(set)
    known = set(contract(slice_.dataset).names)
    for file in slice_.inputs:
        rows[file.raw_date] += file.rows
        columns[file.raw_date] |= {c for c, kind in file.columns.items() if kind != VOID and c in known}
    return {day: Snapshot(rows[day], frozenset(columns[day])) for day in sorted(rows)}


def note(slice_: Slice) -> str:
    """For the publication's log. Most snapshots have the same columns: each list of them is there once."""
    found = snapshots_of(slice_)
    lists = sorted({tuple(sorted(snapshot.columns)) for snapshot in found.values()})
    dates = {
        day.isoformat(): [snapshot.rows, lists.index(tuple(sorted(snapshot.columns)))]
        for day, snapshot in found.items()
    }
    return json.dumps({"columns": lists, "dates": dates}, separators=(",", ":"))


def noted(log: Iterable[Mapping[str, str]]) -> dict[date, Snapshot]:
    """What the publications of a log say of their snapshots; those of before there were notes say nothing."""
    found: dict[date, Snapshot] = {}
    for notes in log:
        document = json.loads(notes.get(NOTE, '{"columns": [], "dates": {}}'))
        for day, (rows, at) in document["dates"].items():
            found[date.fromisoformat(day)] = Snapshot(rows, frozenset(document["columns"][at]))
    return found


def require_whole(slices: Iterable[Slice]) -> None:
    """Raises BusinessError with the figures of every snapshot that is less than half of the one before, or lost a column."""
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
            "Nothing of these deliveries was touched. Ask the source to deliver it again; if it is right, run again with "
            "accept_truncated."
        )


def is_compared(slice_: Slice) -> bool:
    """Whether what a delivery lacks is taken for gone."""
    is_snapshot = delivery(slice_.dataset).cadence == "snapshot"
    return not slice_.is_replay and (is_snapshot or contract(slice_.dataset).is_whole)


def lost(slice_: Slice, published: Mapping[date, Snapshot]) -> Iterator[str]:
    """Each snapshot against its own earlier delivery if there is one, else against the newest one before it.

    Weeks are compared with their own earlier delivery alone: one week sells less than another.
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
        yield f"{name} has {snapshot.rows} rows, the one of {day} had {before.rows}"
    if gone := sorted(before.columns - snapshot.columns):
        yield f"{name} lacks {', '.join(gone)}, which the one of {day} had"
