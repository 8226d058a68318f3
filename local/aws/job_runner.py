"""Run Glue job runs, SageMaker jobs and ECS tasks as local processes.

Each service implements LocalJob. The runner makes sure that every job ends, can be stopped at any time and leaves no
process behind.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import structlog

from local.aws.failure_message import failure_message
from local.aws.processes import Command, Ending, ProcessTree, kill_marked_by

log = structlog.get_logger()


class Result(StrEnum):
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    TIMED_OUT = "timed_out"


@dataclass(frozen=True)
class Outcome:
    result: Result
    message: str = ""
    exit_code: int | None = None  # None: the process never started


class CannotRunError(Exception):
    """The job cannot be started, or its output cannot be saved. The message is for the user who submitted it."""


class LocalJob(Protocol):
    @property
    def job_id(self) -> str: ...

    def prepare(self) -> Command:
        """Stage the inputs and return the command to run."""

    def started(self) -> None: ...

    def collect(self, outcome: Outcome) -> None:
        """Save the outputs. Each service decides by the outcome which of them to keep."""

    def ended(self, outcome: Outcome) -> None:
        """Called exactly once, after everything else."""


class JobRunner:
    """Runs jobs in threads. `owner` marks the processes, so that the next server finds them if this one is killed."""

    def __init__(self, owner: str, grace: float = 5.0) -> None:
        self._owner = owner
        self._grace = grace
        self._lock = threading.Lock()
        self._jobs: dict[str, _RunningJob] = {}
        self._closing = False

    def submit(self, job: LocalJob) -> None:
        running = _RunningJob(self, job)
        with self._lock:
            if self._closing:
                raise CannotRunError("the local cloud is going down")
            self._jobs[job.job_id] = running
        running.start()

    def stop(self, job_id: str) -> bool:
        """Request a stop and return without waiting. Returns False if the job is not running."""
        with self._lock:
            running = self._jobs.get(job_id)
        if running is None:
            return False
        threading.Thread(target=running.stop, name=f"stop-{job_id}", daemon=True).start()
        return True

    def close(self) -> None:
        """Stop all jobs and wait for them to end. Outputs are not saved, as the local S3 shuts down as well."""
        with self._lock:
            self._closing = True
            running = list(self._jobs.values())
        stoppers = [threading.Thread(target=job.stop) for job in running]
        for thread in [*stoppers]:
            thread.start()
        for waiting in [*stoppers, *running]:
            waiting.join(timeout=self._grace + 5)

    def kill_leftovers(self) -> None:
        """Kill the processes of an earlier server with the same owner that was killed before it could stop its jobs."""
        killed = kill_marked_by(self._owner, self._grace)
        if killed:
            log.warning("leftover_processes_killed", count=killed, owner=self._owner)

    @property
    def closing(self) -> bool:
        return self._closing

    @property
    def grace(self) -> float:
        return self._grace

    def mark(self, job_id: str) -> str:
        return f"{self._owner}:{job_id}"

    def forget(self, job_id: str) -> None:
        with self._lock:
            self._jobs.pop(job_id, None)


class _RunningJob(threading.Thread):
    def __init__(self, runner: JobRunner, job: LocalJob) -> None:
        super().__init__(name=f"job-{job.job_id}", daemon=True)
        self._runner = runner
        self._job = job
        self._lock = threading.Lock()
        self._tree: ProcessTree | None = None
        self._stop_wanted = False

    def run(self) -> None:
        outcome = self._outcome()
        try:
            self._job.ended(outcome)
        except Exception:
            log.exception("job_end_failed", job=self._job.job_id)
        finally:
            self._runner.forget(self._job.job_id)

    def stop(self) -> None:
        with self._lock:
            self._stop_wanted = True
            tree = self._tree
        if tree is not None:
            tree.stop()

    def _outcome(self) -> Outcome:
        """Run the job and return an outcome in every case. Clients would wait forever for a job left in RUNNING."""
        try:
            return self._carry_out()
        except CannotRunError as error:
            return Outcome(Result.FAILED, str(error))
        except Exception as error:
            log.exception("job_failed_in_local_cloud", job=self._job.job_id)
            return Outcome(
                Result.FAILED, f"the local cloud could not run it: {type(error).__name__}: {error}"
            )

    def _carry_out(self) -> Outcome:
        command = self._job.prepare()
        with self._lock:
            if self._stop_wanted:
                return Outcome(Result.STOPPED)
            self._tree = tree = ProcessTree(command, self._runner.mark(self._job.job_id), self._runner.grace)
        ending = tree.run(self._job.started)
        outcome = _outcome_of(ending, command)
        if not self._runner.closing:
            self._job.collect(outcome)
        return outcome


def _outcome_of(ending: Ending, command: Command) -> Outcome:
    code = ending.exit_code
    if ending.stopped:
        return Outcome(Result.STOPPED, exit_code=code)
    if ending.timed_out:
        return Outcome(Result.TIMED_OUT, exit_code=code)
    if code == 0:
        return Outcome(Result.SUCCEEDED, exit_code=code)
    return Outcome(Result.FAILED, failure_message(command.log, code), code)
