"""What surrounds every run: whatever fails, its jobs are stopped and people are told."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from tasks import errors
from tasks.errors import DataError, SystemFault, TransientError
from tasks.leases.run_lease import AlreadyExecuted
from tasks.runs import run as surroundings
from tasks.runs.run import Run, guarded

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
        calls.append(("lease", run_id, name))
        return SimpleNamespace(end=end, process=f"{owner}@here")

    def end(status: str) -> None:
        calls.append(("lease closed", status))

    monkeypatch.setattr(surroundings.run_lease, "begin", begin)
    monkeypatch.setattr(surroundings.run_lease, "first_to_notify", lambda _: True)
    monkeypatch.setattr(surroundings, "mark_crashed_runs", lambda run: None)
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
        ("lease", "r1", "cpg-daily 2025-01-06"),
        ("recorded", "RUNNING"),
        ("stopped", "r1"),
        ("told", "HIGH", "DataError: a.parquet is empty", "2025-01-06"),
        ("recorded", "FAILED", "DataError: a.parquet is empty", "jr_of_r1"),
        ("lease closed", "FAILED"),
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
        ("lease closed", "FAILED"),
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
        ("lease closed", "CANCELLED"),
    ]


def test_people_are_told_although_the_ledger_cannot_say_who_was_first(
    done: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(_: str) -> bool:
        raise SystemFault("writing ledger row: refused")

    monkeypatch.setattr(surroundings.run_lease, "first_to_notify", unreachable)
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


def test_first_calls_are_tried_again_when_they_fail_for_a_moment(
    done: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ledger that throttles and one failed login are no reason to lose the day."""
    slept: list[float] = []
    monkeypatch.setattr(errors.time, "sleep", slept.append)
    begin, on_record = surroundings.run_lease.begin, surroundings.record

    def failing(times: int, then: Any) -> Any:
        left = [TransientError("login refused for now")] * times

        def call(*arguments: Any, **named: Any) -> Any:
            if left:
                raise left.pop()
            return then(*arguments, **named)

        return call

    monkeypatch.setattr(surroundings.run_lease, "begin", failing(2, begin))
    monkeypatch.setattr(surroundings, "record", failing(3, on_record))
    with guarded(the_run()):
        pass
    assert done == [
        ("lease", "r1", "cpg-daily 2025-01-06"),
        ("recorded", "RUNNING"),
        ("lease closed", "COMPLETED"),
    ]
    bounds = [(2, 3), (4, 6), (2, 3), (4, 6), (8, 12)]
    assert all(low <= seconds <= high for seconds, (low, high) in zip(slept, bounds, strict=True))


def test_first_calls_that_fail_for_good_are_told_as_any_failure(
    done: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[float] = []
    monkeypatch.setattr(errors.time, "sleep", calls.append)

    def down(*_: Any, **__: Any) -> None:
        raise TransientError("login refused")

    monkeypatch.setattr(surroundings, "record", down)
    with pytest.raises(TransientError, match="login refused"), guarded(the_run()):
        raise AssertionError("nothing may be done before the run is on record")
    assert len(calls) == 3
    assert ("told", "HIGH", "TransientError: login refused", "2025-01-06") in done
