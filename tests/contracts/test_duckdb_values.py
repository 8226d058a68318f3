"""A time without fraction and offset has a case of its own in DuckDB's SQL: its values are those of the other case."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import duckdb
import pytest

from contracts.dialects.duckdb_values import value

CLOCKS = {
    "2025-01-11T14:30:00": datetime(2025, 1, 11, 14, 30),
    "2025-01-11 14:30:00": datetime(2025, 1, 11, 14, 30),
    "1900-01-01T00:00:00": datetime(1900, 1, 1),
    "9999-12-31T23:59:59": datetime(9999, 12, 31, 23, 59, 59),
    "2024-02-29T10:00:00": datetime(2024, 2, 29, 10),
    "2023-02-29T10:00:00": None,
    "1899-12-31T23:59:59": None,
    "2025-01-11T24:00:00": None,
    "2025-01-11T23:60:00": None,
    "2025-01-11T23:59:60": None,
    "2025-13-01T00:00:00": None,
    "2025-01-11t14:30:00": None,
    "infinity-----------": None,
}


def read(kind: str, text: str) -> Any:
    return duckdb.execute(f"SELECT {value(kind, 't')} FROM (SELECT ? AS t)", [text]).fetchall()[0][0]


@pytest.mark.parametrize("kind", ["timestamp", "local_timestamp"])
@pytest.mark.parametrize(("text", "expected"), CLOCKS.items())
def test_a_time_with_and_without_a_fraction(kind: str, text: str, expected: datetime | None) -> None:
    assert read(kind, text) == expected
    assert read(kind, f"{text}.0") == expected
