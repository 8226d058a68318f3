"""Glue job runs: start, find, inspect and stop them.

Uses boto3 rather than prefect-aws's GlueJobBlock: the block's run object cannot be stopped on cancel, cannot be found
again after a crash, and waits forever for a run that expired (docs/adr/0003).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from deployments import glue_code
from tasks.errors import DataError, HighwaterError, SystemFault, aws_failures
from tasks.events import log
from tasks.jobs.job_service import Look, Request, starting
from tasks.leases.job_entry import JobEntry
from tasks.services import aws
from tasks.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_glue.type_defs import JobRunTypeDef

KIND = "glue"
_UNDER_WAY = frozenset({"STARTING", "RUNNING", "STOPPING", "WAITING"})
_LEDGER_ARGUMENT = "--ledger_id"
_VERSION_ARGUMENT = "--callers_code_version"  # jobs/glue/request.py compares it with that of the job
_SHOWN = 12


def written_by(entry: JobEntry, folder: str) -> str:
    """The folder below `folder` to which the row's job run has written (jobs/glue/request.py)."""
    return f"{folder}/{entry.external_id}"


class GlueJobs:
    """Glue as a job service. `entry.name` is the job's name, `entry.external_id` the id of the job run."""

    def start(self, entry: JobEntry, request: Request) -> str:
        _refuse_another_release(entry.name)
        with starting(f"starting Glue job {entry.name}"):
            started = aws.glue_once().start_job_run(
                JobName=entry.name,
                Arguments={**request, _LEDGER_ARGUMENT: entry.tag, _VERSION_ARGUMENT: _own_code()},
            )
        return started["JobRunId"]

    def find(self, entry: JobEntry) -> list[str]:
        with aws_failures(f"listing the runs of Glue job {entry.name}"):
            return [
                run["Id"]
                for page in aws.glue().get_paginator("get_job_runs").paginate(JobName=entry.name)
                for run in page["JobRuns"]
                if run.get("Arguments", {}).get(_LEDGER_ARGUMENT) == entry.tag
            ]

    def look(self, entry: JobEntry) -> Look:
        assert entry.external_id
        with aws_failures(f"asking for Glue job {entry.name} run {entry.external_id}"):
            run = aws.glue().get_job_run(JobName=entry.name, RunId=entry.external_id)["JobRun"]
        state = run["JobRunState"]
        if state in _UNDER_WAY:
            return Look("RUNNING")
        if state == "SUCCEEDED":
            return Look("SUCCEEDED", seconds=run.get("ExecutionTime"))
        return Look("STOPPED" if state == "STOPPED" else "FAILED", _failure(entry, run))

    def stop(self, entry: JobEntry, external_id: str) -> None:
        with aws_failures(f"stopping Glue job {entry.name} run {external_id}"):
            answer: Any = aws.glue().batch_stop_job_run(JobName=entry.name, JobRunIds=[external_id])
        if answer.get("Errors"):
            log("Glue did not stop a job", job=entry.name, job_run=external_id, errors=answer["Errors"])


def _refuse_another_release(job: str) -> None:
    """A job whose contracts are not ours would clean by other rules than the run judges by. One that a release changes after
    this look refuses by itself."""
    with aws_failures(f"reading the definition of Glue job {job}"):
        definition = aws.glue().get_job(JobName=job)["Job"]
    theirs, ours = (definition.get("DefaultArguments") or {}).get(glue_code.ARGUMENT, "unknown"), _own_code()
    if theirs != ours:
        raise SystemFault(
            f"Glue job {job} has another version of contracts/ and jobs/ than this run: {theirs[:_SHOWN]} there, "
            f"{ours[:_SHOWN]} here (commit {settings().code_version}). Nothing was started. Release one commit for both "
            "with `make release` (locally: `make up`), then run it again."
        )


@cache
def _own_code() -> str:
    return glue_code.version()


def _failure(entry: JobEntry, run: JobRunTypeDef) -> HighwaterError:
    state, message = run["JobRunState"], run.get("ErrorMessage", "no message")
    what = f"Glue job {entry.name} run {entry.external_id} ended {state}: {message}"
    if "DataError" in message:
        return DataError(what)
    if state == "STOPPED":
        return SystemFault(f"{what}. Somebody or something stopped it; run the date again.")
    if state == "TIMEOUT":
        return SystemFault(f"{what}. Give the job more workers or a longer timeout, then run the date again.")
    return SystemFault(f"{what}. Its log has the whole traceback.")
