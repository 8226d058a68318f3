"""What became of scored customers, against figures computed in plain Python."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from typing import Any

import pytest

from tasks.services.snowflake import execute
from tests.warehouse.standin import Warehouse
from warehouse.marts.churn import CHURN_ACCURACY

pytestmark = pytest.mark.e2e  # a second or two a statement on the stand-in

HORIZONS = {"2026-03-01": 90, "2026-03-08": 90, "2026-03-15": 30}


def insert(warehouse: Warehouse, table: str, rows: list[tuple[Any, ...]]) -> None:
    values = ", ".join(f"({', '.join(map(repr, row))})" for row in rows)
    warehouse.connection.cursor().execute(f"INSERT INTO {table} VALUES {values}")


def test_churn_is_held_against_what_was_predicted(migrated: Warehouse) -> None:
    """A day without outcomes, customers without one, an outcome of another horizon, nobody churned in a decile."""
    draw = random.Random(3)
    scored = [
        (
            key,
            f"C{key}",
            day,
            horizon,
            draw.choice((0.0, 1.0, draw.random())),
            key % 10 + 1,
            "[]",
            "v2" if key % 3 else "v1",
            "r",
        )
        for day, horizon in HORIZONS.items()
        for key in range(60)
    ]
    outcomes = [(key, "2026-03-01", 90, key % 10 > 1 and draw.random() < 0.4) for key in range(50)]
    outcomes += [(key, "2026-03-08", 90, False) for key in range(60)]
    outcomes += [(key, "2026-03-15", 90, True) for key in range(60)]
    insert(migrated, "ML_OUTPUTS.CHURN_PREDICTIONS", scored)
    insert(migrated, "ML_OUTPUTS.CHURN_OUTCOMES", outcomes)

    for _ in range(2):
        execute(migrated.connection, CHURN_ACCURACY.overwrite())
    found = {
        row[:4]: row[4:]
        for row in migrated.rows("SELECT as_of::VARCHAR, * EXCLUDE as_of FROM MARTS.CHURN_ACCURACY")
    }

    churned = {(key, day, horizon): outcome for key, day, horizon, outcome in outcomes}
    groups: dict[tuple[Any, ...], list[tuple[float, int]]] = defaultdict(list)
    days: dict[str, list[int]] = defaultdict(list)
    for key, _, day, horizon, probability, decile, _, model, _ in scored:
        if (key, day, horizon) in churned:
            outcome = int(churned[key, day, horizon])
            groups[day, horizon, model, decile].append((probability, outcome))
            days[day].append(outcome)
    assert found.keys() == groups.keys()
    for group, rows in groups.items():
        held = [(min(max(p, 1e-6), 1 - 1e-6), y) for p, y in rows]
        churners, everyone = sum(y for _, y in rows), days[group[0]]
        rate = churners / len(rows)
        expected = (
            len(rows),
            sum(p for p, _ in rows),
            churners,
            sum((p - y) ** 2 for p, y in rows),
            -sum(math.log(p) if y else math.log(1 - p) for p, y in held),
            sum(p for p, _ in rows) / len(rows),
            rate,
            rate / (sum(everyone) / len(everyone)) if any(everyone) else None,
        )
        assert found[group] == pytest.approx(expected), group
