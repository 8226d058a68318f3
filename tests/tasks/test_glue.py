"""Job runs are never doubled and never orphaned: every way in which a starter can die, against a scripted Glue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tasks import aws, glue, ledger
from tasks.errors import DataError, SystemFault

TABLE, JOB = "highwater-ledger", "highwater-curate"


class ScriptedGlue:
    """Answers as Glue does, with the states that a test writes down for each new run."""

    def __init__(self) -> None:
        self.runs: dict[str, dict[str, Any]] = {}
        self.script: list[list[str]] = []
        self.stopped: list[str] = []
        self.die_after_start = False
        self.message = "boom"

    def start_job_run(self, *, JobName: str, Arguments: dict[str, str]) -> dict[str, str]:
        job_run_id = f"jr_{len(self.runs) + 1}"
        states = self.script.pop(0) if self.script else ["SUCCEEDED"]
        self.runs[job_run_id] = {"Id": job_run_id, "Arguments": Arguments, "states": states}
        if self.die_after_start:
            raise KeyboardInterrupt
        return {"JobRunId": job_run_id}

    def get_job_run(self, *, JobName: str, RunId: str) -> dict[str, Any]:
        run = self.runs[RunId]
        state = run["states"].pop(0) if len(run["states"]) > 1 else run["states"][0]
        return {"JobRun": {**run, "JobRunState": state, "ErrorMessage": self.message}}

    def get_paginator(self, _name: str) -> ScriptedGlue:
        return self

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        yield {"JobRuns": list(self.runs.values())}

    def batch_stop_job_run(self, *, JobName: str, JobRunIds: list[str]) -> dict[str, Any]:
        self.stopped += JobRunIds
        return {}


@pytest.fixture
def service(account: None, monkeypatch: pytest.MonkeyPatch) -> ScriptedGlue:
    scripted = ScriptedGlue()
    monkeypatch.setattr(aws, "glue", lambda: scripted)
    monkeypatch.setattr(glue.time, "sleep", lambda _seconds: None)
    return scripted


def run(owner: str = "flow-1", work: str = "curate/abc") -> ledger.Entry:
    return glue.run_job(TABLE, JOB, work, lambda attempt: {"--attempt": str(attempt)}, owner)


def test_a_run_is_started_followed_to_its_end_and_noted(service: ScriptedGlue) -> None:
    service.script = [["STARTING", "RUNNING", "SUCCEEDED"]]
    entry = run()
    assert (entry.attempt, entry.job_run_id, entry.status) == (1, "jr_1", "SUCCEEDED")
    assert service.runs["jr_1"]["Arguments"] == {"--attempt": "1", "--ledger_id": "curate/abc#1"}
    assert ledger.get(TABLE, "curate/abc") == entry


def test_work_that_is_done_is_not_started_again(service: ScriptedGlue) -> None:
    run("flow-1")
    assert run("flow-2").job_run_id == "jr_1"
    assert len(service.runs) == 1


def test_other_work_is_another_run(service: ScriptedGlue) -> None:
    run(work="curate/abc")
    assert run(work="curate/def").job_run_id == "jr_2"


def test_a_run_under_way_is_taken_up_by_the_next_flow_run(service: ScriptedGlue) -> None:
    opened = ledger.open_attempt(TABLE, "curate/abc", "killed", JOB, None)
    assert opened
    service.runs["jr_1"] = {"Id": "jr_1", "Arguments": {}, "states": ["RUNNING", "SUCCEEDED"]}
    ledger.update(TABLE, opened, "RUNNING", "jr_1")
    entry = run("flow-2")
    assert (entry.job_run_id, entry.owner, len(service.runs)) == ("jr_1", "flow-2", 1)


def test_killed_between_the_start_and_the_note(service: ScriptedGlue) -> None:
    service.die_after_start = True
    with pytest.raises(KeyboardInterrupt):
        run("killed")
    service.die_after_start = False
    assert ledger.get(TABLE, "curate/abc").job_run_id is None  # type: ignore[union-attr]
    assert run("flow-2").job_run_id == "jr_1"
    assert len(service.runs) == 1


def test_killed_before_the_start(service: ScriptedGlue) -> None:
    ledger.open_attempt(TABLE, "curate/abc", "killed", JOB, None)
    entry = run("flow-2")
    assert (entry.attempt, entry.job_run_id) == (1, "jr_1")


def test_a_failed_run_is_reported_and_the_next_attempt_writes_elsewhere(service: ScriptedGlue) -> None:
    service.script = [["FAILED"], ["SUCCEEDED"]]
    with pytest.raises(SystemFault, match="jr_1 ended FAILED: boom"):
        run()
    assert run().attempt == 2
    assert service.runs["jr_2"]["Arguments"]["--attempt"] == "2"


def test_the_jobs_own_data_error_keeps_its_kind(service: ScriptedGlue) -> None:
    service.script, service.message = [["FAILED"]], "DataError: 3 of 5 rows are missing"
    with pytest.raises(DataError, match="3 of 5 rows are missing"):
        run()


@pytest.mark.parametrize(
    ("state", "advice"), [("STOPPED", "run the date again"), ("TIMEOUT", "longer timeout")]
)
def test_ends_that_a_person_has_to_look_at(service: ScriptedGlue, state: str, advice: str) -> None:
    service.script = [[state]]
    with pytest.raises(SystemFault, match=advice):
        run()


def test_stopping_what_a_flow_run_owns_leaves_others_alone(service: ScriptedGlue) -> None:
    for owner, work in (("mine", "a"), ("mine", "b"), ("other", "c")):
        opened = ledger.open_attempt(TABLE, work, owner, JOB, None)
        assert opened
        ledger.update(TABLE, opened, "RUNNING", f"jr_{work}")
    assert sorted(glue.stop_owned(TABLE, "mine")) == ["jr_a", "jr_b"]
    assert sorted(service.stopped) == ["jr_a", "jr_b"]
    assert [entry.id for entry in ledger.open_entries(TABLE)] == ["c"]


def test_two_starters_of_the_same_work_open_one_attempt(account: None) -> None:
    first = ledger.open_attempt(TABLE, "w", "one", JOB, None)
    assert first
    assert ledger.open_attempt(TABLE, "w", "two", JOB, None) is None
    failed = ledger.update(TABLE, first, "FAILED", "jr_1")
    assert ledger.open_attempt(TABLE, "w", "two", JOB, failed)
    assert ledger.open_attempt(TABLE, "w", "one", JOB, failed) is None


def test_a_late_note_of_an_old_attempt_does_not_touch_the_new_one(account: None) -> None:
    first = ledger.open_attempt(TABLE, "w", "one", JOB, None)
    assert first
    second = ledger.open_attempt(TABLE, "w", "two", JOB, ledger.update(TABLE, first, "FAILED", "jr_1"))
    assert second
    ledger.update(TABLE, first, "SUCCEEDED", "jr_1")
    assert ledger.get(TABLE, "w") == second
