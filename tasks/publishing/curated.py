"""What a job made of a slice: the curated rows, not yet visible to anyone, and their counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from tasks.intake.landing import Slice


@dataclass(frozen=True)
class Counts:
    """The figures of one dataset, for a raw date or in all."""

    rows_raw: int
    rows_published: int
    rows_superseded: int
    rows_quarantined: int
    repeats: int
    nulls: dict[str, int] = field(default_factory=dict)
    outdone: int = 0
    """Superseded by another row of the same raw date that is not the same row."""

    @classmethod
    def read(cls, figures: dict[str, Any]) -> Counts:
        return cls(
            rows_raw=figures["rows_raw"],
            rows_published=figures["rows_published"],
            rows_superseded=figures["rows_superseded"],
            rows_quarantined=figures["rows_quarantined"],
            repeats=figures["repeats"],
            nulls=dict(figures.get("nulls", {})),
            outdone=figures.get("outdone", 0),
        )

    def balances(self) -> bool:
        return self.rows_raw == self.rows_published + self.rows_superseded + self.rows_quarantined


@dataclass(frozen=True)
class Curated:
    """One dataset's slice, cleaned and versioned, not yet visible to anyone."""

    slice: Slice
    work: str
    base: int | None
    output: str
    total: Counts
    by_date: dict[date, Counts]
    reasons: dict[str, int]
    uncast: dict[str, int]
    touched_files: tuple[str, ...]
    job_run_id: str | None
    figures_address: str
    unchanged: bool = False
    rows_written: int = 0
    """Rows that the job says are in its output as new ones; others are published already as they are."""
    rows_survivors: int = 0
    """Published rows that it wrote again, because the files that held them are dropped."""
    quarantine: str = ""
    """The folder of the rows that the job rejected; none if it is unchanged."""

    @property
    def dataset(self) -> str:
        return self.slice.dataset


@dataclass(frozen=True)
class Outcome:
    """What became of a dataset's rows, in sums alone: nothing else of a chunk is kept while a backfill goes on."""

    dataset: str
    rows_raw: int
    rows_published: int
    rows_superseded: int
    rows_quarantined: int
    unchanged: bool
    extra_columns: frozenset[str]
    missing_columns: frozenset[str]
    jobs: frozenset[str]

    @classmethod
    def of(cls, curated: Curated) -> Outcome:
        return cls(
            dataset=curated.dataset,
            rows_raw=curated.total.rows_raw,
            rows_published=curated.total.rows_published,
            rows_superseded=curated.total.rows_superseded,
            rows_quarantined=curated.total.rows_quarantined,
            unchanged=curated.unchanged,
            extra_columns=frozenset(curated.slice.extra_columns),
            missing_columns=frozenset(curated.slice.missing_columns),
            jobs=frozenset({curated.job_run_id} if curated.job_run_id else ()),
        )

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(
            dataset=self.dataset,
            rows_raw=self.rows_raw + other.rows_raw,
            rows_published=self.rows_published + other.rows_published,
            rows_superseded=self.rows_superseded + other.rows_superseded,
            rows_quarantined=self.rows_quarantined + other.rows_quarantined,
            unchanged=self.unchanged and other.unchanged,
            extra_columns=self.extra_columns | other.extra_columns,
            missing_columns=self.missing_columns | other.missing_columns,
            jobs=self.jobs | other.jobs,
        )

    def balances(self) -> bool:
        return self.rows_raw == self.rows_published + self.rows_superseded + self.rows_quarantined


def outcomes(curated: Iterable[Curated], before: Iterable[Outcome] = ()) -> list[Outcome]:
    """One for each dataset, with what earlier chunks did to it."""
    found = {outcome.dataset: outcome for outcome in before}
    for outcome in map(Outcome.of, curated):
        earlier = found.get(outcome.dataset)
        found[outcome.dataset] = earlier + outcome if earlier else outcome
    return list(found.values())
