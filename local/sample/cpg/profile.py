"""Profiles: how much sample data to generate. This is all that a caller chooses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from local.sample.cpg.timeline import EARLIEST_START

DEMO_WEEKS = 111
SMALL_WEEKS = 6
SMALL_END = date(2025, 1, 12)


@dataclass(frozen=True)
class Profile:
    """The days from `start` to `end`, inclusive. Equal profiles produce byte-identical tables."""

    start: date
    end: date
    seed: int = 7
    skus: int = 44
    regions: int = 10
    customers: int = 260
    lines_per_day: int = 1180
    limited_edition_weeks: int = 64
    """How many weeks after its launch a limited edition is succeeded by the next one."""

    def __post_init__(self) -> None:
        if self.start > self.end:
            raise ValueError(f"the sample would start on {self.start}, after its end on {self.end}")
        if self.start < EARLIEST_START:
            raise ValueError(f"the sample starts on {self.start}; the earliest possible is {EARLIEST_START}")
        if not 2 <= self.regions <= 16:
            raise ValueError(f"regions is {self.regions}; 2 to 16 are possible")
        if self.skus < 4:
            raise ValueError(f"skus is {self.skus}; at least 4 are needed")
        if self.customers < 3 * self.regions:
            raise ValueError(f"customers is {self.customers}; each of the {self.regions} regions needs 3")
        if self.lines_per_day < self.skus * self.regions:
            raise ValueError(
                f"lines_per_day is {self.lines_per_day}; with {self.skus} SKUs in {self.regions} regions "
                f"at least {self.skus * self.regions} are needed, so that every series can sell every day"
            )

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1


def demo(end: date, seed: int = 7) -> Profile:
    """About two years up to `end`. Starts on a Monday, so that end dates of the same week share the start."""
    monday = end - timedelta(days=end.weekday())
    return Profile(start=monday - timedelta(weeks=DEMO_WEEKS), end=end, seed=seed)


def small(end: date = SMALL_END, seed: int = 7) -> Profile:
    """Six weeks of about forty lines a day, for tests. The default dates span the turn of an ISO year."""
    monday = end - timedelta(days=end.weekday())
    return Profile(
        start=monday - timedelta(weeks=SMALL_WEEKS - 1),
        end=end,
        seed=seed,
        skus=8,
        regions=3,
        customers=30,
        lines_per_day=40,
        limited_edition_weeks=5,
    )
