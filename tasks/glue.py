"""Glue job runs that are never doubled and never orphaned.

boto3 rather than prefect-aws's GlueJobBlock: the block's run object cannot be stopped on cancel, cannot be found again
after a crash, and waits for ever on a run that expired (docs/adr/0003).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from tasks import aws, ledger
from tasks.errors import DataError, HighwaterError, SystemFault, TransientError, from_aws
from tasks.events import log
from tasks.ledger import Entry

if TYPE_CHECKING:
    from mypy_boto3_glue.type_defs import JobRunTypeDef

_UNDER_WAY = frozenset({"STARTING", "RUNNING", "STOPPING", "WAITING"})
_POLL_FIRST, _POLL_MOST = 0.5, 15.0
_LEDGER_ARGUMENT = "--ledger_id"

Arguments = Callable[[int], dict[str, str]]


def run_job(table: str, job_name: str, work: str, arguments: Arguments, owner: str) -> Entry:
    """Bring the work to a successful job run: take up a run that is done or under way, or start one.

    `arguments` gives an attempt's arguments from its number, so that no two attempts ever write to the same place.
    Raises the kind of error that the job's own message says; a run that was stopped from outside is started anew by
    the next call, not by this one.
    """
    try:
        entry, started = _claim(table, job_name, work, arguments, owner)
        if entry.status == "SUCCEEDED" and entry.job_run_id:
            log("job already done", job=job_name, job_run=entry.job_run_id, work=work)
            return entry
        log("job started" if started else "job taken up", job=job_name, job_run=entry.job_run_id, work=work)
        return _wait(table, entry, owner)
    except (ClientError, BotoCoreError) as error:
        raise from_aws(error, f"running Glue job {job_name}") from error


def _claim(table: str, job_name: str, work: str, arguments: Arguments, owner: str) -> tuple[Entry, bool]:
    for _ in range(10):
        entry = ledger.get(table, work)
        if entry and entry.status == "SUCCEEDED":
            return entry, False
        if entry and entry.is_open:
            job_run_id = entry.job_run_id or _find_started(job_name, entry)
            if job_run_id:
                return ledger.update(table, entry, "RUNNING", job_run_id, owner), False
            return _start(table, entry, arguments, owner), True
        opened = ledger.open_attempt(table, work, owner, job_name, entry)
        if opened:
            return _start(table, opened, arguments, owner), True
    raise TransientError(f"ledger row {work}: several runs compete for it. It settles by itself; run again.")


def _start(table: str, entry: Entry, arguments: Arguments, owner: str) -> Entry:
    started = aws.glue().start_job_run(
        JobName=entry.job_name,
        Arguments={**arguments(entry.attempt), _LEDGER_ARGUMENT: _tag(entry)},
    )
    return ledger.update(table, entry, "RUNNING", started["JobRunId"], owner)


def _tag(entry: Entry) -> str:
    return f"{entry.id}#{entry.attempt}"


def _find_started(job_name: str, entry: Entry) -> str | None:
    """The job run of an attempt whose starter was killed before it could note the id."""
    pages = aws.glue().get_paginator("get_job_runs").paginate(JobName=job_name)
    for page in pages:
        for run in page["JobRuns"]:
            if run.get("Arguments", {}).get(_LEDGER_ARGUMENT) == _tag(entry):
                return run["Id"]
    return None


def _wait(table: str, entry: Entry, owner: str) -> Entry:
    pause = _POLL_FIRST
    assert entry.job_run_id
    while True:
        run = aws.glue().get_job_run(JobName=entry.job_name, RunId=entry.job_run_id)["JobRun"]
        state = run["JobRunState"]
        if state not in _UNDER_WAY:
            break
        time.sleep(pause)
        pause = min(pause * 1.5, _POLL_MOST)
    if state == "SUCCEEDED":
        log("job succeeded", job=entry.job_name, job_run=entry.job_run_id, seconds=run.get("ExecutionTime"))
        return ledger.update(table, entry, "SUCCEEDED", entry.job_run_id, owner)
    ledger.update(table, entry, "STOPPED" if state == "STOPPED" else "FAILED", entry.job_run_id, owner)
    raise _failure(entry, run)


def _failure(entry: Entry, run: JobRunTypeDef) -> HighwaterError:
    state, message = run["JobRunState"], run.get("ErrorMessage", "no message")
    what = f"Glue job {entry.job_name} run {entry.job_run_id} ended {state}: {message}"
    if "DataError" in message:
        return DataError(what)
    if state == "STOPPED":
        return SystemFault(f"{what}. Somebody or something stopped it; run the date again.")
    if state == "TIMEOUT":
        return SystemFault(f"{what}. Give the job more workers or a longer timeout, then run the date again.")
    return SystemFault(f"{what}. Its log has the whole traceback.")


def stop_owned(table: str, owner: str) -> list[str]:
    """Stop every job run that a flow run has under way: it was cancelled, or died."""
    return [stop(table, entry) for entry in ledger.open_entries(table) if entry.owner == owner]


def stop(table: str, entry: Entry) -> str:
    job_run_id = entry.job_run_id or _find_started(entry.job_name, entry)
    if job_run_id:
        answer: Any = aws.glue().batch_stop_job_run(JobName=entry.job_name, JobRunIds=[job_run_id])
        log("job stopped", job=entry.job_name, job_run=job_run_id, errors=answer.get("Errors") or None)
    ledger.update(table, entry, "STOPPED", job_run_id)
    return job_run_id or entry.id
