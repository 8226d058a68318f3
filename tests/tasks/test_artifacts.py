from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tasks import artifacts
from tasks.artifacts import readable
from tasks.model_gate import Evaluation, Verdict


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


def test_a_rule_that_is_not_judged_is_not_counted_as_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: dict[str, Any] = {}
    monkeypatch.setattr(artifacts, "create_table_artifact", lambda **given: shown.update(given))
    scores: dict[str, Any] = {name: {"wmape": 0.1} for name in ("model", "seasonal_naive", "mean4")}
    known = {"rows": 9, "year_ago_known": 0.2, "where_year_ago_known": scores}
    verdicts = [
        Verdict("MAPE", 0.3, 0.15, False),
        Verdict("skill over seasonal_naive", 0.9, 0.05, True, "the year before is known for 20% of the rows"),
    ]
    artifacts.gate_table(verdicts, Evaluation.read({**scores, **known}), date(2026, 11, 23), None)
    assert "1 of 1 rules missed" in shown["description"]
    assert [row["verdict"] for row in shown["table"][:2]] == [
        "FAILED",
        "not judged: the year before is known for 20% of the rows",
    ]
