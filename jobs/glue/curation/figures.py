"""Counts of what happened to the rows of a slice, in total and per raw date."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from contracts.language.dataset import Dataset
from jobs.glue.curation.versions import OUTDONE, PUBLISHED, REPEATED, SUPERSEDED, UNCHANGED
from jobs.glue.errors import DataError

QUARANTINED = "quarantined"
Tally = dict[date, Counter[str]]


@dataclass
class Figures:
    """The counts. `fates` are rows by raw date and outcome, `reasons` the reasons for quarantine."""

    dataset: Dataset
    fates: Tally = field(default_factory=lambda: defaultdict(Counter))
    reasons: Tally = field(default_factory=lambda: defaultdict(Counter))
    uncast: dict[str, int] = field(default_factory=dict)
    extra_columns: list[str] = field(default_factory=list)
    touched_files: list[str] = field(default_factory=list)
    rows_survivors: int = 0
    rows_retracted: int = 0

    def document(self) -> dict[str, Any]:
        everything: Counter[str] = sum(self.fates.values(), Counter())
        causes: Counter[str] = sum(self.reasons.values(), Counter())
        return {
            **self._counts(everything, causes),
            "rows_written": everything[PUBLISHED] + self.rows_retracted,
            "rows_retracted": self.rows_retracted,
            "rows_survivors": self.rows_survivors,
            "touched_files": sorted(self.touched_files),
            "reasons": dict(sorted(causes.items())),
            "uncast": dict(sorted(self.uncast.items())),
            "extra_columns": self.extra_columns,
            "by_date": {
                day.isoformat(): self._counts(fates, self.reasons[day])
                for day, fates in sorted(self.fates.items())
            },
        }

    def _counts(self, fates: Counter[str], causes: Counter[str]) -> dict[str, Any]:
        return {
            "rows_raw": sum(fates.values()),
            "rows_published": fates[PUBLISHED] + fates[UNCHANGED],
            "rows_superseded": fates[SUPERSEDED] + fates[OUTDONE] + fates[REPEATED],
            "outdone": fates[OUTDONE],
            "repeats": fates[REPEATED],
            "rows_quarantined": fates[QUARANTINED],
            "nulls": {column.name: causes[f"{column.name}:missing"] for column in self.dataset.required},
        }


def reconcile(dataset: str, expected: int, fates: Counter[str], read: int) -> None:
    """Raise DataError unless every landed row was read once and has one outcome."""
    if read != expected:
        raise DataError(
            f"{dataset}: the files hold {read} rows, their footers said {expected} when they landed; "
            "a file was replaced since then: run the date again"
        )
    if (told := sum(fates.values())) != expected:
        raise DataError(
            f"{dataset}: {expected} rows were read but {told} have a fate {dict(fates)}; nothing may be published"
        )


def per_date(rows: Iterable[tuple[date, str, int]]) -> Tally:
    tally: Tally = defaultdict(Counter)
    for day, what, count in rows:
        tally[day][what] += count
    return tally
