"""One small history for every test of the sample: generating it takes half a second."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import pyarrow as pa
import pytest

from local.sample.cpg import Profile, Truth, generate_with_truth, small
from tests.local.sample.cpg.platform_rules import Line, lines_of


@dataclass
class History:
    profile: Profile
    truth: Truth
    files: dict[str, pa.Table] = field(default_factory=dict)

    def under(self, prefix: str) -> dict[str, pa.Table]:
        return {key: table for key, table in self.files.items() if key.startswith(prefix)}

    @cached_property
    def sales_by_day(self) -> dict[date, list[Line]]:
        days: dict[date, list[Line]] = {}
        for key, table in self.under("raw/sap/sales_orders/").items():
            days.setdefault(raw_date_of(key), []).extend(lines_of(table, raw_date_of(key)))
        return days


def raw_date_of(key: str) -> date:
    year, month, day = (int(part) for part in re.findall(r"(?:year|month|day)=(\d+)", key))
    return date(year, month, day)


def history_of(profile: Profile) -> History:
    files, truth = generate_with_truth(profile)
    history = History(profile, truth)
    for file in files:
        assert file.key not in history.files
        history.files[file.key] = file.table
    return history


@pytest.fixture(scope="session")
def small_history() -> History:
    return history_of(small())


@pytest.fixture(scope="session")
def demo_sized_history() -> History:
    """The demo's breadth over four weeks, ten of which days are festive-season ones."""
    return history_of(Profile(start=date(2025, 9, 15), end=date(2025, 10, 12)))
