"""What surrounds every run: whatever fails, its jobs are stopped and people are told."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from flows import run as surroundings
from flows.run import Run, guarded
from tasks.errors import DataError, SystemFault

DAY = date(2025, 1, 6)


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The last duties in the order in which they were done."""
    calls: list[tuple[Any, ...]] = []

    def stop_owned(owner: str) -> list[str]:
        calls.append(("stopped", owner))
        return []

    def send(severity: str, message: str, run: dict[str, Any]) -> None:
        calls.append(("told", severity, message, run["run_date"]))

    def record(run: Run, status: str, *message: str) -> None:
        calls.append(("recorded", status, *message))

    monkeypatch.setattr(surroundings.external_jobs, "stop_owned", stop_owned)
    monkeypatch.setattr(surroundings.alerts, "send", send)
    monkeypatch.setattr(surroundings, "record", record)
    return calls


def the_run() -> Run:
    return Run("cpg-daily", DAY, DAY, run_id="r1")


def test_a_failure_of_the_data_is_told_with_its_severity(done: list[Any]) -> None:
    with pytest.raises(DataError), guarded(the_run()):
        raise DataError("a.parquet is empty")
    assert done == [
        ("recorded", "RUNNING"),
        ("stopped", "r1"),
        ("told", "HIGH", "DataError: a.parquet is empty", "2025-01-06"),
        ("recorded", "FAILED", "DataError: a.parquet is empty"),
    ]


def test_what_nobody_foresaw_is_critical(done: list[Any]) -> None:
    with pytest.raises(ZeroDivisionError), guarded(the_run()):
        _ = 1 / 0
    assert done[2][:2] == ("told", "CRITICAL")


def test_people_are_told_although_the_warehouse_is_down(
    done: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: Any) -> None:
        raise SystemFault("connecting to Snowflake: refused")

    monkeypatch.setattr(surroundings, "record", unreachable)
    with pytest.raises(SystemFault, match="refused"), guarded(the_run()):
        raise AssertionError("nothing may be done before the run is on record")
    assert done == [
        ("stopped", "r1"),
        ("told", "CRITICAL", "SystemFault: connecting to Snowflake: refused", "2025-01-06"),
    ]


def test_a_cancelled_run_stops_its_jobs_and_alarms_nobody(done: list[Any]) -> None:
    with pytest.raises(KeyboardInterrupt), guarded(the_run()):
        raise KeyboardInterrupt
    assert done == [
        ("recorded", "RUNNING"),
        ("stopped", "r1"),
        ("recorded", "CANCELLED", "KeyboardInterrupt"),
    ]
