"""A step of a run on record: its rows, its end, and never a value of the data."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest

from tasks.errors import BusinessError
from tasks.runs import monitoring
from tasks.runs.monitoring import StepRecord
from tasks.runs.run import Run
from tasks.runs.run_steps import recorded

DAY = date(2025, 1, 10)


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> list[StepRecord]:
    found: list[StepRecord] = []

    @contextmanager
    def session(_run: Run, _step: str) -> Any:
        yield None

    monkeypatch.setattr(Run, "session", session)
    monkeypatch.setattr(monitoring, "record_step", lambda _, record: found.append(record))
    return found


def test_a_step_is_recorded_with_its_rows(records: list[StepRecord]) -> None:
    with recorded(Run("a-flow", DAY, DAY, run_id="r"), "read") as seen:
        seen.rows = 7
    (record,) = records
    assert (record.run_id, record.flow, record.run_date, record.step) == ("r", "a-flow", DAY, "read")
    assert (record.status, record.row_count, record.error) == ("COMPLETED", 7, None)
    assert record.ended_at >= record.started_at
    assert record.seconds >= 0


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (BusinessError("too few rows"), "BusinessError: too few rows"),
        (ValueError("asha@example.com is no date"), "ValueError"),
    ],
)
def test_a_failed_step_says_why_unless_the_text_may_repeat_a_value(
    records: list[StepRecord], error: Exception, told: str
) -> None:
    with pytest.raises(type(error)), recorded(Run("a-flow", DAY, DAY, run_id="r"), "read"):
        raise error
    assert [(record.status, record.error) for record in records] == [("FAILED", told)]
