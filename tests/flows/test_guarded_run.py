"""What surrounds every run: whatever fails, its jobs are stopped and people are told."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from flows import run as surroundings
from flows.run import Run, guarded
from tasks.errors import DataError, SystemFault
from tasks.run_lease import AlreadyExecuted

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

    def record(run: Run, status: str, *message: str, jobs: list[str] | None = None) -> None:
        calls.append(("recorded", status, *message, *(jobs or [])))

    def begin(run_id: str, name: str, owner: str) -> SimpleNamespace:
        calls.append(("breathes", run_id, name))
        return SimpleNamespace(end=end, holder=f"{owner}@here")

    def end() -> None:
        calls.append(("breathed its last",))

    monkeypatch.setattr(surroundings.run_lease, "begin", begin)
    monkeypatch.setattr(surroundings.run_lease, "first_to_tell", lambda _: True)
    monkeypatch.setattr(surroundings, "bury_the_dead", lambda run: None)
    monkeypatch.setattr(surroundings.external_jobs, "ids_of", lambda owner: [f"jr_of_{owner}"])
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
        ("breathes", "r1", "cpg-daily 2025-01-06"),
        ("recorded", "RUNNING"),
        ("stopped", "r1"),
        ("told", "HIGH", "DataError: a.parquet is empty", "2025-01-06"),
        ("recorded", "FAILED", "DataError: a.parquet is empty", "jr_of_r1"),
        ("breathed its last",),
    ]


def test_what_nobody_foresaw_is_critical(done: list[Any]) -> None:
    with pytest.raises(ZeroDivisionError), guarded(the_run()):
        _ = 1 / 0
    assert done[3][:2] == ("told", "CRITICAL")


def test_people_are_told_although_the_warehouse_is_down(
    done: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: Any, **__: Any) -> None:
        raise SystemFault("connecting to Snowflake: refused")

    monkeypatch.setattr(surroundings, "record", unreachable)
    with pytest.raises(SystemFault, match="refused"), guarded(the_run()):
        raise AssertionError("nothing may be done before the run is on record")
    assert done[1:] == [
        ("stopped", "r1"),
        ("told", "CRITICAL", "SystemFault: connecting to Snowflake: refused", "2025-01-06"),
        ("breathed its last",),
    ]


def test_a_cancelled_run_stops_its_jobs_and_warns(done: list[Any]) -> None:
    with pytest.raises(KeyboardInterrupt), guarded(the_run()):
        raise KeyboardInterrupt
    why = (
        "cancelled, or told to terminate (KeyboardInterrupt). What it had not published is not visible to anyone; "
        "run it again, which is harmless."
    )
    assert done[2:] == [
        ("stopped", "r1"),
        ("told", "WARNING", why, "2025-01-06"),
        ("recorded", "CANCELLED", why, "jr_of_r1"),
        ("breathed its last",),
    ]


def test_people_are_told_although_the_ledger_cannot_say_who_was_first(
    done: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(_: str) -> bool:
        raise SystemFault("writing ledger row: refused")

    monkeypatch.setattr(surroundings.run_lease, "first_to_tell", unreachable)
    with pytest.raises(KeyboardInterrupt), guarded(the_run()):
        raise KeyboardInterrupt
    assert [call[:2] for call in done if call[0] == "told"] == [("told", "WARNING")]


def test_the_second_process_of_a_run_touches_nothing_of_the_first(
    done: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(run_id: str, name: str, owner: str) -> None:
        raise AlreadyExecuted("by another process")

    monkeypatch.setattr(surroundings.run_lease, "begin", taken)
    with pytest.raises(AlreadyExecuted), guarded(the_run()):
        raise AssertionError("it may not begin")
    assert done == []
