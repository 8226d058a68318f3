"""A run that lives says so; one whose process is gone is closed by another, once, and people are told."""

from __future__ import annotations

import threading
import time
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from prefect.states import Cancelled, Crashed

from tasks.jobs import external_jobs
from tasks.leases import job_entry, lease, rows, run_lease
from tasks.runs import endings
from tasks.runs import run as surroundings
from tasks.runs.run import Run, guarded
from tasks.settings import settings
from tests.tasks.conftest import DAY


@pytest.fixture
def told(account: None, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Alerts and ends on record."""
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(settings(), "lease_seconds", 1.0)
    for place in (surroundings, endings):
        monkeypatch.setattr(place.alerts, "send", lambda *alert: calls.append(("told", *alert[:2])))
    monkeypatch.setattr(surroundings, "_record_end", lambda *end: calls.append(("recorded", *end)))
    monkeypatch.setattr(
        surroundings, "record", lambda run, status, *_, **__: calls.append((status, run.run_id))
    )
    return calls


def died(run_id: str) -> None:
    """Its process was killed: nobody renews its row."""
    assert run_lease.claim(run_id, f"cpg-daily {DAY}", run_id)


def status_of(run_id: str) -> str:
    row = rows.get(run_lease.RunLease, f"run/{run_id}")
    assert row
    return row.status


def the_run(run_id: str = "r2") -> Run:
    return Run("cpg-daily", DAY, DAY, run_id=run_id)


def test_a_run_renews_its_lease_as_long_as_it_lives(told: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings(), "lease_seconds", 3.0)
    with guarded(the_run()):
        time.sleep(3.6)
        assert list(run_lease.expired()) == []
        assert run_lease.unfinished("r2")
    assert run_lease.unfinished("r2") is None
    assert status_of("r2") == "COMPLETED"
    assert run_lease.never_begun("r2", "cpg-daily") is None
    assert not [thread for thread in threading.enumerate() if thread.name == "run lease"]


def test_the_next_run_marks_a_crashed_one_once(told: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings(), "lease_seconds", 60.0)
    died("r1")
    with guarded(the_run("r2")):
        pass
    assert told == [("RUNNING", "r2")]  # it may still live
    monkeypatch.setattr(rows, "now", lambda: time.time() + 61)
    for run_id in ("r3", "r4"):
        with guarded(the_run(run_id)):
            pass
    message = (
        f"cpg-daily {DAY}: its process died, its lease has expired. What it had not published is not visible to anyone; "
        "run it again, which is harmless."
    )
    assert told[1:] == [
        ("told", "HIGH", message),
        ("recorded", "r1", "CRASHED", message),
        ("RUNNING", "r3"),
        ("RUNNING", "r4"),
    ]
    assert [status_of(run_id) for run_id in ("r1", "r2", "r3", "r4")] == ["CRASHED", *["COMPLETED"] * 3]


@pytest.mark.parametrize(("error", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "CANCELLED")])
def test_a_lease_is_closed_as_what_the_run_was(
    told: list[Any], monkeypatch: pytest.MonkeyPatch, error: type[BaseException], status: str
) -> None:
    monkeypatch.setattr(
        settings(), "lease_seconds", 60.0
    )  # on a busy machine a second may pass before the end
    with pytest.raises(error), guarded(the_run("r1")):
        raise error
    assert status_of("r1") == status
    assert list(rows.open_rows(run_lease.RunLease)) == []


def test_a_run_does_not_mark_itself_as_crashed(told: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings(), "lease_seconds", 60.0)
    died("r2")
    monkeypatch.setattr(rows, "now", lambda: time.time() + 61)
    surroundings.mark_crashed_runs(the_run("r2"))
    assert told == []


def test_a_run_that_wakes_up_in_time_is_not_marked(told: list[Any]) -> None:
    died("r1")
    time.sleep(1.1)
    (seen,) = run_lease.expired()
    lease.renew(seen)
    surroundings.mark_ended(seen, "CRASHED", "HIGH", "died", "r2")
    assert told == []


def end_of(run_id: str, *, cancelled: bool, message: str, deployment: str | None = None) -> None:
    state = Cancelled(message=message) if cancelled else Crashed(message=message)
    flow: Any = SimpleNamespace(name="cpg-daily")
    flow_run: Any = SimpleNamespace(
        id=run_id, name="cpg-daily", parameters={}, start_time=None, deployment_id=deployment
    )
    endings.stop_external_jobs(flow, flow_run, state)


@pytest.mark.parametrize(
    ("cancelled", "status", "severity"), [(True, "CANCELLED", "WARNING"), (False, "CRASHED", "HIGH")]
)
def test_prefects_hooks_notify_of_an_end_once(
    told: list[Any], cancelled: bool, status: str, severity: str
) -> None:
    died("r1")
    for _ in range(2):
        end_of("r1", cancelled=cancelled, message="exit code -9")
    message = f"cpg-daily {DAY}: exit code -9. Run it again."
    assert told == [("told", severity, message), ("recorded", "r1", status, message)]
    assert status_of("r1") == status


def test_a_run_that_told_of_its_own_end_is_left_alone(told: list[Any]) -> None:
    with pytest.raises(KeyboardInterrupt), guarded(the_run("r1")):
        raise KeyboardInterrupt
    before = list(told)
    end_of("r1", cancelled=True, message="by a person")
    assert told == before
    assert [call[0] for call in told] == ["RUNNING", "told", "CANCELLED"]


def test_refused_parameters_are_told_and_recorded(told: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    records: list[Any] = []
    monkeypatch.setattr(endings, "connect", lambda **_: nullcontext())
    monkeypatch.setattr(endings.monitoring, "record_run", lambda _, record: records.append(record))
    state: Any = SimpleNamespace(message="Validation of flow parameters failed: sources.0")
    flow: Any = SimpleNamespace(name="cpg-daily")
    flow_run: Any = SimpleNamespace(
        id="r9", name="cpg-daily", parameters={"sources": ["weather"]}, start_time=None
    )
    for _ in range(2):
        endings.notify_of_refusal(flow, flow_run, state)
    assert told == [("told", "HIGH", state.message)]
    (record,) = records
    assert (record.run_id, record.status, record.parameters) == ("r9", "FAILED", {"sources": ["weather"]})
    assert status_of("r9") == "FAILED"

    with guarded(the_run("r8")):
        pass
    endings.notify_of_refusal(flow, SimpleNamespace(id="r8"), state)  # type: ignore[arg-type]
    assert len(records) == 1


def test_jobs_of_a_run_are_found_by_their_owner(account: None) -> None:
    for owner, work in (("r1", "a"), ("r1", "b"), ("r2", "c")):
        entry = job_entry.claim(work, "glue", "curate", owner)
        assert entry
        lease.renew(entry, status="FAILED", external_id=f"jr_{work}")
    assert external_jobs.ids_of("r1") == ["jr_a", "jr_b"]


def test_a_run_that_is_taken_up_waits_for_its_dead_process_and_not_for_a_live_one(
    told: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    died("r1")
    monkeypatch.setattr(lease, "_PROCESS", "taken up")
    with guarded(the_run("r1")):
        monkeypatch.setattr(lease, "_PROCESS", "started twice")
        with pytest.raises(run_lease.AlreadyExecuted, match=r"r1 .* is being executed by another process"):
            run_lease.begin("r1", "cpg-daily")
    assert told == [("RUNNING", "r1")]
