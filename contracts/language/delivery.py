"""How a dataset is delivered: where the files of a date are, and which delivery a business day needs.

A backfill resolves this day by day, as daily runs do, so that both read the same files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

OF_A_DAY = "year={date:%Y}/month={date:%m}/day={date:%d}/"
OF_A_WEEK = "week={date:%G}-W{date:%V}/"
"""The last part of a prefix with a folder per day or ISO week."""
SNAPSHOT_MAX_AGE = timedelta(days=7)

_DAY = re.compile(r"year=(\d{4})/month=(\d{2})/day=(\d{2})/")
_WEEK = re.compile(r"week=(\d{4})-W(\d{2})/")


def iso_week(day: date) -> str:
    """GGGG-Www of the ISO week that holds the day: 2024-12-30 is in 2025-W01."""
    year, week, _ = day.isocalendar()
    return f"{year:04d}-W{week:02d}"


def last_ended_week(day: date) -> date:
    """The Sunday that closed the last ISO week before the day."""
    return day - timedelta(days=day.isoweekday())


@dataclass(frozen=True)
class Delivery:
    """Files under a prefix per raw date. `source` is its name in a run's `sources` parameter."""

    source: str
    cadence: Literal["day", "week", "snapshot"]
    prefix: str

    def __post_init__(self) -> None:
        last_part = OF_A_WEEK if self.cadence == "week" else OF_A_DAY
        if not self.prefix.endswith(last_part):
            raise ValueError(f"{self.prefix}: the prefix of a delivery by {self.cadence} ends in {last_part}")

    def address(self, raw_date: date) -> str:
        return self.prefix.format(date=raw_date)

    @property
    def root(self) -> str:
        """The part of the prefix that all raw dates share."""
        return re.split("year=|week=", self.prefix)[0]

    def date_of(self, key: str) -> date | None:
        """The raw date in a file's key: the day, or the Sunday that ends the week. None if there is no valid date."""
        try:
            if found := _WEEK.search(key):
                return date.fromisocalendar(int(found[1]), int(found[2]), 7)
            found = _DAY.search(key)
            return date(*map(int, found.groups())) if found else None
        except ValueError:
            return None

    def earliest(self, first: date) -> date:
        """The oldest raw date that a run of the day could need."""
        return {
            "day": first,
            "week": last_ended_week(first),
            "snapshot": first - SNAPSHOT_MAX_AGE,
        }[self.cadence]

    def needed(self, day: date, landed: Iterable[date]) -> date | None:
        """The raw date that the day's run reads, or None if it has not landed."""
        if self.cadence == "snapshot":
            usable = [d for d in landed if day - SNAPSHOT_MAX_AGE <= d <= day]
            return max(usable, default=None)
        wanted = day if self.cadence == "day" else last_ended_week(day)
        return wanted if wanted in set(landed) else None

    def missing(self, bucket: str, first: date, last: date | None = None) -> str:
        """The address to show for a missing delivery of a day, or of a range of days."""
        last = last or first
        root = f"s3://{bucket}/{self.root}"
        if self.cadence == "snapshot":
            return f"{root} (no snapshot dated {first - SNAPSHOT_MAX_AGE} to {last})"
        if self.cadence == "week":
            first, last = last_ended_week(first), last_ended_week(last)
        if first == last:
            return f"s3://{bucket}/{self.address(first)}"
        if self.cadence == "week":
            return f"{root}week={iso_week(first)}..{iso_week(last)}"
        return f"{root} {first}..{last}"
