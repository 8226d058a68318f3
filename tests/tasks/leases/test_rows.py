"""The ledger's rows as DynamoDB keeps them: listed while they are open, forgotten after they were closed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tasks.jobs import external_jobs
from tasks.leases import job_entry, job_list, lease, marks, rows, run_lease
from tasks.leases.job_entry import JobEntry
from tasks.services import aws
from tests.tasks.lost_answers import lost

LEDGER = "highwater-ledger"
A_MONTH = 30 * 24 * 3600


def stored(id_: str) -> dict[str, Any]:
    return aws.dynamodb().get_item(TableName=LEDGER, Key={"id": {"S": id_}})["Item"]


def job(work: str, owner: str = "r1") -> JobEntry:
    entry = job_entry.claim(work, "glue", "curate", owner)
    assert entry
    return entry


def put(id_: str, **values: str | float) -> None:
    """A row as an earlier release wrote it: all things had the same attributes, and each the time of its end."""
    whole: dict[str, str | float] = {
        "kind": "glue", "name": "curate", "owner": "r1", "holder": "r1@p1", "status": "RUNNING", "attempt": 1,
        "token": 3, "lease_expires_at": round(time.time() + 60, 3), "expires_at": int(time.time()) + A_MONTH,
    }  # fmt: skip
    whole |= {"id": id_, **values}
    item = {n: {"S": v} if isinstance(v, str) else {"N": str(v)} for n, v in whole.items()}
    aws.dynamodb().put_item(TableName=LEDGER, Item=item)


@pytest.fixture
def queries(account: None) -> Iterator[list[dict[str, Any]]]:
    """DynamoDB's answers to queries."""
    answers: list[dict[str, Any]] = []

    def note(parsed: dict[str, Any], **_: Any) -> None:
        answers.append(parsed)

    events = aws.dynamodb().meta.events
    events.register("after-call.dynamodb.Query", note)
    yield answers
    events.unregister("after-call.dynamodb.Query", note)


# --- open and closed


def test_an_open_row_is_listed_and_never_expires(account: None) -> None:
    entry = job("a")
    assert [found.id for found in job_entry.open_jobs()] == ["a"]
    assert stored("a")["open"] == {"S": "job"}
    assert "expires_at" not in stored("a")

    lease.renew(entry, status="RUNNING", external_id="jr_1")
    assert "expires_at" not in stored("a")


def test_a_closed_row_is_not_listed_and_expires_after_a_month(account: None) -> None:
    entry = job("a")
    assert rows.swap(entry, replace(entry, status="SUCCEEDED"))
    assert list(job_entry.open_jobs()) == []
    assert "open" not in stored("a")
    assert int(stored("a")["expires_at"]["N"]) == pytest.approx(time.time() + A_MONTH, abs=60)


def test_a_row_that_is_opened_again_expires_no_more(account: None) -> None:
    entry = job("a")
    assert rows.swap(entry, replace(entry, status="FAILED"))
    assert job("a").attempt == 2
    assert stored("a")["open"] == {"S": "job"}
    assert "expires_at" not in stored("a")


def test_a_mark_expires_and_is_listed_nowhere(account: None) -> None:
    assert marks.once("late/r1", "r1")
    assert stored("late/r1")["status"] == {"S": "DONE"}
    assert "open" not in stored("late/r1")
    assert int(stored("late/r1")["expires_at"]["N"]) > time.time()


def test_finding_open_rows_reads_only_those(queries: list[dict[str, Any]]) -> None:
    """Ten thousand files a day leave 300,000 closed rows in a month."""
    for n in range(500):
        put(f"closed/{n}", status="SUCCEEDED")
    for work in ("a", "b", "c"):
        job(work)
    assert run_lease.claim("r9", "cpg-daily", "r9")

    assert sorted(entry.id for entry in job_entry.open_jobs()) == ["a", "b", "c"]
    assert [(answer["Count"], answer["ScannedCount"]) for answer in queries] == [(3, 3)]


# --- the index is late


def test_a_row_that_the_index_still_lists_is_read_again(
    account: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = job("closed")
    assert rows.swap(closed, replace(closed, status="SUCCEEDED"))
    renewed = job("open")
    monkeypatch.setattr(rows, "_open_ids", lambda thing: iter(["closed", "forgotten", "open"]))
    assert list(job_entry.open_jobs()) == [renewed]


def test_a_run_stops_a_job_that_the_index_does_not_list_yet(
    account: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    job("a")
    monkeypatch.setattr(rows, "_open_ids", lambda thing: iter([]))
    assert external_jobs.stop_owned("r1") == ["a"]
    assert job_entry.get("a").status == "STOPPED"  # type: ignore[union-attr]


def test_a_runs_jobs_are_those_that_it_holds_or_held_last(account: None) -> None:
    for work in ("a", "b", "c"):
        entry = job(work)
        assert rows.swap(entry, replace(entry, status="FAILED", external_id=f"jr_{work}"))
    job("b", owner="r2")
    job_list.add("r1", "never claimed")
    assert [entry.id for entry in job_entry.jobs_of("r1")] == ["a", "c"]
    assert external_jobs.ids_of("r1") == ["jr_a", "jr_c"]
    assert "open" not in stored("jobs/r1")
    assert int(stored("jobs/r1")["expires_at"]["N"]) > time.time()


def test_who_waits_for_another_runs_job_does_not_list_it(account: None) -> None:
    job("a")
    assert job_entry.claim("a", "glue", "curate", "r2") is None
    assert job_list.works_of("r2") == []


# --- what is written


@pytest.mark.parametrize("status", ["RUNNING", "SUCCEEDED"])
def test_what_is_written_is_what_is_read(account: None, status: job_entry.Status) -> None:
    entry = job("a")
    wanted = replace(entry, status=status, external_id="jr_1")
    assert rows.swap(entry, wanted)
    assert job_entry.get("a") == wanted
    assert isinstance(wanted.attempt, int)


def test_of_two_who_mark_at_once_one_is_the_first(account: None) -> None:
    seen = rows.get(marks.Mark, "told/p1")
    first, second = (marks.Mark(id="told/p1", token=1, status="DONE", by="p1", nonce=n) for n in ("x", "y"))
    assert (rows.swap(seen, first), rows.swap(seen, second)) == (True, False)


def test_a_mark_whose_answer_was_lost_is_ours(account: None) -> None:
    with lost(aws.dynamodb(), "PutItem"):
        assert marks.once("told/p1", "p1")
    assert not marks.once("told/p1", "p1")


# --- rows of earlier releases


def test_a_run_that_an_earlier_release_closed_is_closed(account: None) -> None:
    put("run/r1", kind="run", status="STOPPED")
    assert run_lease.unfinished("r1") is None
    assert run_lease.process_of("r1") == "r1@p1"
    assert run_lease.never_begun("r1", "cpg-daily") is None
    again = run_lease.claim("r1", "cpg-daily", "r1")
    assert again
    assert (again.status, again.attempt, again.token) == ("RUNNING", 2, 4)


def test_a_run_that_an_earlier_release_left_open_is_open(account: None) -> None:
    put("run/r1", kind="run", status="PREPARING", lease_expires_at=1)
    seen = run_lease.unfinished("r1")
    assert seen
    run_lease.close(seen, "CRASHED")
    assert stored("run/r1")["status"] == {"S": "CRASHED"}


@pytest.mark.parametrize(("status", "is_done"), [("SUCCEEDED", True), ("FAILED", False)])
def test_a_mark_of_an_earlier_release_counts(account: None, status: str, is_done: bool) -> None:
    put("told/r1@p1", kind="mark", status=status)
    assert run_lease.is_notified("r1@p1") == is_done
    assert run_lease.first_to_notify("r1@p1") != is_done


def test_a_job_of_an_earlier_release_is_taken_up_and_listed(account: None) -> None:
    put("a", lease_expires_at=1, external_id="jr_1")
    entry = job("a", owner="r2")
    assert (entry.status, entry.external_id, entry.token) == ("RUNNING", "jr_1", 4)
    assert [found.id for found in job_entry.open_jobs()] == ["a"]
    assert "expires_at" not in stored("a")
