"""The checks of what a run extracted: how much of it was broken, undated, cut off or late. None of them stops the run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime

from tasks.extraction.extracted import Extracted
from tasks.lake.lake_tables import BRONZE
from tasks.medallion.checking import Check
from tasks.publishing.quality import Finding

QUARANTINED_MAX = 0.05
FEW = 10
"""So many broken rows are no sign of anything, whatever their share."""
HOURS_BEHIND_MAX = 1.0


def checks(day: date, found: Iterable[Extracted]) -> list[Check]:
    return [check for each in found for check in _of(day, each)]


def failed(checked: Iterable[Check]) -> list[str]:
    return [str(check.finding) for check in checked if not check.finding.passed]


def _of(day: date, found: Extracted) -> Iterator[Check]:
    table, rows = f"{BRONZE}.{found.entity}", found.rows_added + found.rows_quarantined
    share = found.rows_quarantined / rows if rows else 0.0
    is_usual = share <= QUARANTINED_MAX or found.rows_quarantined <= FEW
    told = "" if is_usual else f"{found.rows_quarantined:,} of {rows:,} rows are in quarantine"
    yield Check(Finding(table, day, "quarantined_rate", share, QUARANTINED_MAX, is_usual, told), "WARNING")
    undated = float(found.rows_without_watermark)
    yield Check(Finding(table, day, "rows_without_watermark", undated, 0.0, True), "INFO")
    yield Check(Finding(table, day, "cut_off", float(not found.is_complete), 0.0, True), "INFO")
    if found.high:
        behind = (
            datetime.now(UTC) - datetime.fromisoformat(found.high).replace(tzinfo=UTC)
        ).total_seconds() / 3600
        is_fresh = behind <= HOURS_BEHIND_MAX
        yield Check(Finding(table, day, "hours_behind", behind, HOURS_BEHIND_MAX, is_fresh), "WARNING")
