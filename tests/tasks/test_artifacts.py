from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from tasks.artifacts import readable


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (66385, "66,385"),
        (Decimal("5216063.5200"), "5,216,063.52"),
        (30.603327468680828, "30.60"),
        (date(2026, 10, 20), "2026-10-20"),
    ],
)
def test_a_figure_is_shown_as_a_person_writes_it(value: object, shown: str) -> None:
    assert readable(value) == shown
