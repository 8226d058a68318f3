"""Jobs are never doubled and never orphaned: every way in which a starter can die or stall, against a scripted Glue."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deployments import glue_code
from local import resources
from local.aws_resources import create_table
from tasks.errors import DataError, SystemFault, Uncertain
from tasks.jobs import external_jobs
from tasks.leases import job_entry, lease, rows
from tasks.leases.job_entry import JobEntry
from tasks.leases.lease import LeaseLost
from tasks.services import aws
from tests.tasks.lost_answers import lost

_sleep = time.sleep
JOB = "highwater-curate"
WORK = "curate/abc"


class Clock:
    """Time passes when somebody sleeps; `at` says what else happens then."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.at: dict[int, Callable[[], Any]] = {}
        self.sleeps = 0
        self._thread = threading.get_ident()

    def sleep(self, seconds: float) -> None:
        if threading.get_ident() != self._thread:  # of a library that other tests have started
            _sleep(seconds)
            return
        self.sleeps += 1
        assert self.sleeps < 500, "waits for ever"
        self.now += seconds
        self.at.pop(self.sleeps, lambda: None)()


class ScriptedGlue:
    """Answers as Glue does, with the states that a test writes down for each new run."""

    def __init__(self) -> None:
        self.runs: dict[str, dict[str, Any]] = {}
        self.script: list[list[str]] = []
        self.stopped: list[str] = []
        self.before_start: Callable[[], Any] = lambda: None
        self.on_start: Callable[[], Any] = lambda: None
        self.message = "boom"
        self.code = glue_code.version()

    def get_job(self, *, JobName: str) -> dict[str, Any]:
        return {"Job": {"Name": JobName, "DefaultArguments": {glue_code.ARGUMENT: self.code}}}

    def start_job_run(self, *, JobName: str, Arguments: dict[str, str]) -> dict[str, str]:
        self.before_start()
        job_run_id = f"jr_{len(self.runs) + 1}"
        states = self.script.pop(0) if self.script else ["SUCCEEDED"]
        self.runs[job_run_id] = {"Id": job_run_id, "Arguments": Arguments, "states": states}
        self.on_start()
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
        for job_run_id in JobRunIds:
            self.runs[job_run_id]["states"] = ["STOPPED"]
        return {}


@pytest.fixture
def clock(account: None, monkeypatch: pytest.MonkeyPatch) -> Clock:
    scripted = Clock()
    monkeypatch.setattr(rows, "now", lambda: scripted.now)
    monkeypatch.setattr(external_jobs.time, "sleep", scripted.sleep)
    return scripted


@pytest.fixture
def service(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> ScriptedGlue:
    scripted = ScriptedGlue()
    monkeypatch.setattr(aws, "glue", lambda: scripted)
    monkeypatch.setattr(aws, "glue_once", lambda: scripted)
    return scripted


def run(owner: str = "flow-1", work: str = WORK) -> JobEntry:
    return external_jobs.run("glue", JOB, work, lambda attempt: {"--attempt": str(attempt)}, owner)


def claim(owner: str, work: str = WORK) -> JobEntry:
    entry = job_entry.claim(work, "glue", JOB, owner)
    assert entry
    return entry


def under_way(service: ScriptedGlue, owner: str, *states: str, work: str = WORK) -> JobEntry:
    """A run that `owner` started and then waits for no more."""
    job = f"jr_{len(service.runs) + 1}"
    entry = claim(owner, work)
    service.runs[job] = {"Id": job, "Arguments": {"--ledger_id": entry.tag}, "states": list(states)}
    return lease.renew(entry, status="RUNNING", external_id=job)


def row() -> JobEntry:
    entry = job_entry.get(WORK)
    assert entry
    return entry


def test_a_run_is_started_followed_to_its_end_and_noted(service: ScriptedGlue) -> None:
    service.script = [["STARTING", "RUNNING", "SUCCEEDED"]]
    entry = run()
    assert (entry.attempt, entry.external_id, entry.status) == (1, "jr_1", "SUCCEEDED")
    assert service.runs["jr_1"]["Arguments"] == {
        "--attempt": "1",
        "--ledger_id": "curate/abc#1",
        "--callers_code_version": glue_code.version(),
    }
    assert row() == entry


def test_work_that_is_done_is_not_started_again(service: ScriptedGlue) -> None:
    run("flow-1")
    assert run("flow-2").external_id == "jr_1"
    assert len(service.runs) == 1


def test_other_work_is_another_run(service: ScriptedGlue) -> None:
    run(work="curate/abc")
    assert run(work="curate/def").external_id == "jr_2"


# --- the lease


def test_the_lease_is_renewed_while_the_job_runs(service: ScriptedGlue, clock: Clock) -> None:
    """An hour's job: at no moment does its row look expired."""
    service.script = [["RUNNING"] * 260 + ["SUCCEEDED"]]
    left: list[float] = []
    clock.at = {n: lambda: left.append(row().seconds_left) for n in range(1, 260)}
    assert run().status == "SUCCEEDED"
    assert clock.now > 1_003_600
    assert min(left) >= 30 - 0.01  # of 60


def test_a_live_owners_job_is_waited_for_and_not_taken(service: ScriptedGlue, clock: Clock) -> None:
    held = under_way(service, "alive", "RUNNING")
    clock.at[3] = lambda: rows.swap(held, replace(held, status="SUCCEEDED"))
    entry = run("flow-2")
    assert (entry.external_id, entry.owner, entry.token) == ("jr_1", "alive", held.token)
    assert clock.sleeps == 3


def test_a_job_is_taken_up_when_its_lease_has_expired(service: ScriptedGlue, clock: Clock) -> None:
    left = under_way(service, "killed", "RUNNING", "SUCCEEDED")
    entry = run("flow-2")
    assert (entry.external_id, entry.owner, len(service.runs)) == ("jr_1", "flow-2", 1)
    assert (entry.attempt, entry.token) == (left.attempt, left.token + 1)
    assert clock.now >= left.lease_expires_at


def test_the_lease_is_a_setting(service: ScriptedGlue, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease.settings(), "lease_seconds", 6.0)
    under_way(service, "killed", "SUCCEEDED")
    run("flow-2")
    assert 6 <= clock.now - 1_000_000 < 9


def test_the_same_flow_run_in_another_process_waits_too(
    service: ScriptedGlue, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    under_way(service, "flow-1", "SUCCEEDED")
    monkeypatch.setattr(lease, "_PROCESS", "another")
    run("flow-1")
    assert clock.now >= 1_000_060


def test_a_retry_in_the_same_process_goes_on_at_once(service: ScriptedGlue, clock: Clock) -> None:
    under_way(service, "flow-1", "SUCCEEDED")
    assert run("flow-1").external_id == "jr_1"
    assert clock.sleeps == 0


# --- deaths


def test_killed_between_the_start_and_the_note(service: ScriptedGlue) -> None:
    def die() -> None:
        raise KeyboardInterrupt

    service.on_start = die
    with pytest.raises(KeyboardInterrupt):
        run("killed")
    service.on_start = lambda: None
    assert (row().status, row().external_id) == ("STARTING", None)
    assert run("flow-2").external_id == "jr_1"
    assert len(service.runs) == 1


def test_killed_before_the_start(service: ScriptedGlue) -> None:
    lease.renew(claim("killed"), status="STARTING")
    entry = run("flow-2")
    assert (entry.attempt, entry.external_id) == (2, "jr_1")  # a place that a late start can not write to


def test_a_start_that_the_client_repeated_is_one_job(service: ScriptedGlue) -> None:
    """The answer to the first request was lost on its way."""
    lease.renew(claim("killed"), status="STARTING")
    for job in ("jr_1", "jr_2"):
        service.runs[job] = {
            "Id": job,
            "Arguments": {"--ledger_id": "curate/abc#1"},
            "states": ["RUNNING", "SUCCEEDED"],
        }
    assert run("flow-2").external_id == "jr_1"
    assert service.stopped == ["jr_2"]


# --- two that are alive


def test_who_lost_the_row_while_preparing_starts_nothing(service: ScriptedGlue, clock: Clock) -> None:
    """It stalls for longer than its lease; the other one does the work, and it takes over the result."""
    prepared = []

    def stall(attempt: int) -> dict[str, str]:
        prepared.append(attempt)
        if len(prepared) == 1:
            clock.now += 61
            assert run("faster").external_id == "jr_1"
        return {}

    entry = external_jobs.run("glue", JOB, WORK, stall, "slow")
    assert (entry.external_id, entry.owner) == ("jr_1", "faster")
    assert (len(service.runs), prepared) == (1, [1])


def test_who_lost_the_row_while_starting_stops_what_it_started(service: ScriptedGlue, clock: Clock) -> None:
    service.script = [["RUNNING"], ["SUCCEEDED"]]

    def stall() -> None:
        service.on_start = lambda: None
        clock.now += 61
        service.runs["jr_1"]["Arguments"] = {}  # not yet in Glue's list
        assert run("faster").external_id == "jr_2"

    service.on_start = stall
    entry = run("slow")
    assert (entry.external_id, entry.attempt) == ("jr_2", 2)
    assert service.stopped == ["jr_1"]


def test_two_starters_of_the_same_work_open_one_attempt(clock: Clock) -> None:
    assert claim("one")
    assert job_entry.claim(WORK, "glue", JOB, "two") is None
    seen = row()
    clock.now += 61
    first, second = lease.take_over(seen, "two"), lease.take_over(seen, "three")
    assert first
    assert (first.owner, second) == ("two", None)


def test_a_late_note_of_an_old_owner_does_not_touch_the_new_one(clock: Clock) -> None:
    old = claim("one")
    clock.now += 61
    new = claim("two")
    with pytest.raises(LeaseLost, match="curate/abc: flow run one no longer holds attempt 1"):
        lease.renew(old, status="RUNNING", external_id="jr_1")
    assert row() == new


def test_a_lease_renewed_at_the_last_moment_is_kept(clock: Clock) -> None:
    held = claim("one")
    clock.now += 61
    seen = row()
    renewed = lease.renew(held)
    assert lease.take_over(seen, "two") is None
    assert row() == renewed


def test_a_write_whose_answer_was_lost_is_not_taken_for_a_defeat(clock: Clock) -> None:
    held = claim("one")
    wanted = replace(held, status="STARTING")
    assert rows.swap(held, wanted)
    assert rows.swap(held, wanted)


# --- ends


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


# --- one release for the run and its jobs


def test_a_job_of_another_release_is_not_started(service: ScriptedGlue) -> None:
    service.code = "beef" * 16
    with pytest.raises(SystemFault) as refused:
        run()
    told = str(refused.value)
    assert f"Glue job {JOB}" in told
    assert "beefbeefbeef there" in told
    assert f"{glue_code.version()[:12]} here" in told
    assert "make release" in told
    assert service.runs == {}

    service.code = glue_code.version()
    assert run().status == "SUCCEEDED"


def test_a_run_that_is_under_way_is_followed_whatever_was_released_since(service: ScriptedGlue) -> None:
    found = under_way(service, "flow-1", "RUNNING", "SUCCEEDED")
    service.code = "beef" * 16
    assert run().external_id == found.external_id


def test_a_job_that_tells_no_version_is_not_started(server: str, empty_lake: None) -> None:
    """As one that a release before this check has left."""
    create_table(aws.dynamodb(), resources.LEDGER)
    aws.glue().create_job(Name=JOB, Role="r", Command={"Name": "glueetl", "ScriptLocation": "s3://b/k.py"})
    with pytest.raises(SystemFault, match="unknown there"):
        run()
    assert runs_in_glue() == []


# --- starts that were not answered, and starts for which there is no room


@pytest.fixture
def real_glue(server: str, empty_lake: None, monkeypatch: pytest.MonkeyPatch) -> None:
    create_table(aws.dynamodb(), resources.LEDGER)
    # Where the local Glue stands in this process, runs are real ones.
    aws.s3().put_object(Bucket="highwater-lake", Key="nothing.py", Body=b"")
    aws.glue().create_job(
        Name=JOB,
        Role="r",
        Command={"Name": "glueetl", "ScriptLocation": "s3://highwater-lake/nothing.py"},
        DefaultArguments={glue_code.ARGUMENT: glue_code.version()},
        ExecutionProperty={"MaxConcurrentRuns": 9},
    )
    monkeypatch.setattr(external_jobs.time, "sleep", lambda _: None)


def runs_in_glue() -> list[tuple[str, str]]:
    """Ids and attempts, the oldest first."""
    found = aws.glue().get_job_runs(JobName=JOB)["JobRuns"]
    return sorted((r["Id"], r["Arguments"]["--attempt"]) for r in found)


def test_a_start_whose_answer_is_lost_is_sent_once_and_found(real_glue: None) -> None:
    with lost(aws.glue_once(), "StartJobRun") as sent:
        entry = run()
    assert sent == ["StartJobRun"]
    assert runs_in_glue() == [(entry.external_id, "1")]


def test_a_start_that_never_arrived_is_followed_by_another_attempt(real_glue: None) -> None:
    with lost(aws.glue_once(), "StartJobRun", executed=False) as sent, pytest.raises(Uncertain):
        run()
    assert sent == ["StartJobRun"]
    assert (row().status, runs_in_glue()) == ("STARTING", [])
    entry = run()
    assert (entry.attempt, runs_in_glue()) == (2, [(entry.external_id, "2")])


def test_a_start_that_was_noticed_late_is_taken_up(real_glue: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Glue lists a new run a moment after it took it."""
    really, looks = external_jobs.SERVICES["glue"].find, []

    def late(entry: JobEntry) -> list[str]:
        looks.append(entry.status)
        return really(entry) if len(looks) > 2 else []

    monkeypatch.setattr(external_jobs.SERVICES["glue"], "find", late)
    with lost(aws.glue_once(), "StartJobRun"):
        assert run().attempt == 1
    assert (looks, len(runs_in_glue())) == (["STARTING"] * 3, 1)


@pytest.mark.parametrize("told_by", ["the job", "the row"])
def test_a_run_whose_job_another_run_took_for_an_orphan_starts_it_again(
    service: ScriptedGlue, clock: Clock, told_by: str
) -> None:
    """It was held up for longer than its lease, and lives. Nobody meant to stop it."""

    def held_up() -> None:
        clock.now += 90
        assert external_jobs.release_orphans("flow-2", lambda owner: False) == ["jr_1"]
        if told_by == "the row":  # the service still says that the job runs
            service.runs["jr_1"]["states"] = ["RUNNING"]

    service.script = [["RUNNING"], ["SUCCEEDED"]]
    clock.at[2] = held_up
    entry = run()
    assert (entry.attempt, entry.external_id, entry.status, entry.owner) == (2, "jr_2", "SUCCEEDED", "flow-1")
    assert service.stopped[0] == "jr_1"
    assert row() == entry


def test_a_run_that_is_cancelled_starts_nothing_again(service: ScriptedGlue, clock: Clock) -> None:
    service.script = [["RUNNING"]]
    clock.at[2] = lambda: external_jobs.stop_owned("flow-1")
    with pytest.raises(SystemFault, match="ended STOPPED"):
        run()
    assert len(service.runs) == 1


def no_slot(code: str, message: str = "no more for now") -> Callable[[], Any]:
    def refuse() -> None:
        raise ClientError({"Error": {"Code": code, "Message": message}}, "StartJobRun")

    return refuse


@pytest.mark.parametrize("code", ["ConcurrentRunsExceededException", "ResourceNumberLimitExceededException"])
def test_a_job_waits_for_a_slot_and_keeps_its_row(service: ScriptedGlue, clock: Clock, code: str) -> None:
    """An hour, in which nobody else can take the work, and then one start."""
    service.before_start = no_slot(code)
    left: list[float] = []

    def look() -> None:
        left.append(row().seconds_left)
        if clock.now < 1_003_600:
            clock.at[clock.sleeps + 1] = look
        else:
            service.before_start = lambda: None

    clock.at[1] = look
    entry = run()
    assert (entry.attempt, entry.status, len(service.runs)) == (1, "SUCCEEDED", 1)
    assert 1_003_600 <= clock.now < 1_003_630
    assert min(left) >= 30


def test_who_waits_for_a_slot_has_started_nothing(service: ScriptedGlue, clock: Clock) -> None:
    service.before_start = no_slot("ConcurrentRunsExceededException")
    seen: list[str] = []
    clock.at[3] = lambda: seen.append(row().status)
    clock.at[4] = lambda: external_jobs.stop_owned("flow-1")
    with pytest.raises(SystemFault, match="was stopped from outside"):
        run("flow-1")
    assert (seen, service.runs, service.stopped) == (["PREPARING"], {}, [])


def test_a_slot_that_never_comes_is_told_with_the_limit(
    service: ScriptedGlue, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease.settings(), "slot_wait_hours", 0.5)
    service.before_start = no_slot("ConcurrentRunsExceededException", "Concurrent runs exceeded for x")
    with pytest.raises(SystemFault, match=r"Concurrent runs exceeded for x No job ended within 0\.5 h"):
        run()
    assert 1_001_800 <= clock.now < 1_001_830


def test_a_quota_of_nothing_is_not_waited_for(service: ScriptedGlue, clock: Clock) -> None:
    service.before_start = no_slot(
        "ResourceLimitExceeded",
        "The account-level service limit 'ml.m5.2xlarge for training job usage' is 0 Instances, with current "
        "utilization of 0 Instances and a request delta of 1 Instances.",
    )
    with pytest.raises(SystemFault, match="is 0 Instances"):
        run()
    assert clock.sleeps == 0


# --- stopping


def test_stopping_what_a_flow_run_owns_leaves_others_alone(service: ScriptedGlue) -> None:
    for owner, work in (("mine", "a"), ("mine", "b"), ("other", "c")):
        under_way(service, owner, "RUNNING", work=work)
    assert sorted(external_jobs.stop_owned("mine")) == ["jr_1", "jr_2"]
    assert sorted(service.stopped) == ["jr_1", "jr_2"]
    assert [entry.id for entry in job_entry.open_jobs()] == ["c"]


def test_a_waiting_run_whose_job_was_stopped_says_so_and_starts_no_other(
    service: ScriptedGlue, clock: Clock
) -> None:
    service.script = [["RUNNING"]]
    clock.at[4] = lambda: external_jobs.stop_owned("flow-1")
    with pytest.raises(SystemFault, match="ended STOPPED"):
        run("flow-1")
    assert (row().status, len(service.runs)) == ("STOPPED", 1)


def test_orphans_are_told_by_their_lease(service: ScriptedGlue, clock: Clock) -> None:
    """Prefect says of a killed process without a worker that it is running, for ever."""
    under_way(service, "killed", "RUNNING", work="theirs")
    under_way(service, "killed", "RUNNING", work="taken up by me in a moment")
    under_way(service, "killed", "SUCCEEDED", work="done by now")
    clock.now += 59
    under_way(service, "alive", "RUNNING", work="alive")

    def release(is_over: bool = False) -> list[str]:
        keep = ["taken up by me in a moment"]
        return sorted(external_jobs.release_orphans("me", lambda owner: is_over, keep))

    assert release() == []
    clock.now += 1
    assert release() == ["jr_1", "jr_3"]
    assert service.stopped == ["jr_1"]
    ends = {work: job_entry.get(work).status for work in ("theirs", "done by now", "alive")}  # type: ignore[union-attr]
    assert ends == {"theirs": "STOPPED", "done by now": "SUCCEEDED", "alive": "RUNNING"}
    assert release(is_over=True) == ["jr_4"]


def test_an_orphan_whose_job_was_never_noted_is_found(service: ScriptedGlue, clock: Clock) -> None:
    entry = lease.renew(claim("killed"), status="STARTING")
    service.runs["jr_9"] = {"Id": "jr_9", "Arguments": {"--ledger_id": entry.tag}, "states": ["RUNNING"]}
    clock.now += 61
    assert external_jobs.release_orphans("me", lambda owner: False) == ["jr_9"]
    assert service.stopped == ["jr_9"]
    assert row().status == "STOPPED"
