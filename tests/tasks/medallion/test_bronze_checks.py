"""What is told of an extraction: a few broken rows are none of people's business, many are."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from tasks.extraction.extracted import Extracted
from tasks.medallion.bronze_checks import checks, failed

DAY = date(2026, 11, 29)


@pytest.mark.parametrize(
    ("added", "quarantined", "told"),
    [(0, 0, 0), (90, 10, 0), (5, 5, 0), (1000, 40, 0), (190, 11, 1), (0, 11, 1)],
)
def test_many_broken_rows_are_told(added: int, quarantined: int, told: int) -> None:
    found = Extracted("orders", rows_added=added, rows_quarantined=quarantined)
    assert len(failed(checks(DAY, [found]))) == told


def test_a_window_that_ends_long_ago_is_told() -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    for hours, told in ((0.5, 0), (1.5, 1)):
        found = Extracted("orders", high=str(now - timedelta(hours=hours)))
        assert len(failed(checks(DAY, [found]))) == told
