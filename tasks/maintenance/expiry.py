"""Choose the snapshots of a table that nobody needs any more, and expire them.

Only the oldest part of a log expires, never a part of its middle. The notes of its publications (processed days,
contents of each delivery, rows seen) are needed forever: they are written to a file first, where lake_log.notes_of
finds them. Data files are not touched here. Files that no snapshot names any more become orphans.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot

from tasks.events import log
from tasks.lake import lake_commits, lake_log
from tasks.services import objects

CURRENT, NEWEST = "what the table holds", "the newest publication"
TO_LOAD = "the warehouse builds on it, or has yet to load it"
NOTHING_LOADED = "nothing of the table was loaded yet"
ANOTHER_LOG = "the warehouse holds a snapshot that is not in the table's log"


@dataclass(frozen=True)
class Rule:
    keep_days: int
    keep_snapshots: int


@dataclass(frozen=True)
class Head:
    """The snapshot that the warehouse has loaded; None if it has loaded nothing yet."""

    snapshot_id: int | None


@dataclass(frozen=True)
class Expiry:
    expired: tuple[int, ...] = ()
    kept: dict[str, int] = field(default_factory=dict)
    """How many snapshots are kept, by the first reason why."""


def expire(table: Table, rule: Rule, head: Head | None, now: datetime) -> Expiry:
    """Expire snapshots of a table. `head` is None for a table that no warehouse loads."""
    planned = plan(table, rule, head, now)
    if planned.expired:
        gone = _cut_off(table, planned.expired)
        lake_commits.expire(table, list(planned.expired), _written_down(table, gone) if gone else None)
        log("snapshots expired", table=".".join(table.name()), snapshots=len(planned.expired))
    return planned


def plan(table: Table, rule: Rule, head: Head | None, now: datetime) -> Expiry:
    chain = lake_log.lineage(table)
    if not chain:
        return Expiry()
    limits = _limits(table, chain, rule, head, now)
    first = min(limits.values())
    kept = Counter(
        next(why for why, at in limits.items() if at <= number) for number in range(first, len(chain))
    )
    # If the warehouse does not follow the log, a person may be about to roll the table back.
    aside = _rolled_back(table, chain, rule, now) if ANOTHER_LOG not in limits else []
    tagged = {ref.snapshot_id for ref in table.refs().values()}
    gone = [s.snapshot_id for s in (*chain[:first], *aside) if s.snapshot_id not in tagged]
    return Expiry(tuple(gone), dict(kept))


def _limits(
    table: Table, chain: list[Snapshot], rule: Rule, head: Head | None, now: datetime
) -> dict[str, int]:
    """For each reason to keep snapshots, the position of the oldest one."""
    ids = [snapshot.snapshot_id for snapshot in chain]
    limits = {CURRENT: len(chain) - 1}
    if newest := lake_log.newest_publication(table):
        limits[NEWEST] = ids.index(newest.snapshot_id)
    if head:
        limits |= _to_load(ids, head)
    young = (n for n, snapshot in enumerate(chain) if _is_young(snapshot, rule, now))
    return limits | {
        f"of the last {rule.keep_days} days": next(young, len(chain) - 1),
        f"one of the newest {rule.keep_snapshots}": max(0, len(chain) - rule.keep_snapshots),
    }


def _to_load(ids: list[int], head: Head) -> dict[str, int]:
    if head.snapshot_id is None:
        return {NOTHING_LOADED: 0}
    return {TO_LOAD: ids.index(head.snapshot_id)} if head.snapshot_id in ids else {ANOTHER_LOG: 0}


def _rolled_back(table: Table, chain: list[Snapshot], rule: Rule, now: datetime) -> list[Snapshot]:
    """Snapshots that are not in the lineage, because a person rolled the table back."""
    known = {snapshot.snapshot_id for snapshot in chain}
    return [s for s in table.snapshots() if s.snapshot_id not in known and not _is_young(s, rule, now)]


def _is_young(snapshot: Snapshot, rule: Rule, now: datetime) -> bool:
    return snapshot.timestamp_ms >= (now - timedelta(days=rule.keep_days)).timestamp() * 1000


def _cut_off(table: Table, expired: Collection[int]) -> list[Snapshot]:
    """The snapshots to remove from the lineage: all up to the newest one that expires, also a tagged one."""
    chain = lake_log.lineage(table)
    ends = [n for n, snapshot in enumerate(chain, start=1) if snapshot.snapshot_id in expired]
    return chain[: max(ends, default=0)]


def _written_down(table: Table, gone: list[Snapshot]) -> str:
    """The address of the notes. It is derived from their content, so a retry after a kill writes the same object."""
    known = lake_log.expired_log(table)
    body = json.dumps({"snapshots": [*known, *map(lake_log.log_entry, gone)]}, separators=(",", ":")).encode()
    name = hashlib.sha256(body).hexdigest()[:24]
    return objects.write(f"{table.location()}/notes/{name}.json", body)
