"""One run of a Glue job, executed as a local process. GetJobRun shows its state."""

from __future__ import annotations

import secrets
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from local.aws import glue_script, staging
from local.aws.glue_script import RunDirectories
from local.aws.job_runner import Outcome, Result
from local.aws.processes import Command
from local.aws.spark_conf import Cluster, SparkTuning
from local.aws.spark_pool import SparkPool
from local.aws.staging import BodyCache, Mirror

log = structlog.get_logger()

ORDER = {"STARTING": 0, "RUNNING": 1, "STOPPING": 2}
FINAL = {
    Result.SUCCEEDED: "SUCCEEDED",
    Result.FAILED: "FAILED",
    Result.STOPPED: "STOPPED",
    Result.TIMED_OUT: "TIMEOUT",
}


@dataclass(frozen=True)
class GlueSettings:
    """The server's settings that a run needs."""

    state: Path
    logs: Path
    aws_environment: Mapping[str, str]
    cache: BodyCache
    s3: Any
    tuning: SparkTuning
    pool: SparkPool
    seconds_per_minute: float

    def directories(self, run_id: str) -> RunDirectories:
        return RunDirectories(
            root=self.state / "glue" / "runs" / run_id, log=self.logs / "glue" / f"{run_id}.log"
        )


@dataclass(frozen=True)
class RunRequest:
    """The run's parameters, merged from the job's definition and the StartJobRun request."""

    job_name: str
    command_name: str
    script: str
    arguments: Mapping[str, str]
    timeout_minutes: int
    reported: Mapping[str, Any]


class GlueRun:
    """A LocalJob that is also an entry in moto's list of job runs, with the attributes that moto expects."""

    def __init__(self, request: RunRequest, settings: GlueSettings) -> None:
        self.job_run_id = f"jr_{secrets.token_hex(32)}"
        self._request = request
        self._settings = settings
        self._directories = settings.directories(self.job_run_id)
        self._mirror: Mirror | None = None
        self._lock = threading.Lock()
        self._status = "STARTING"
        self._error = ""
        self._submitted = self._changed = datetime.now(UTC)
        self._running_since: datetime | None = None
        self._completed: datetime | None = None

    @property
    def job_id(self) -> str:
        return self.job_run_id

    @property
    def status(self) -> str:
        return self._status

    @property
    def under_way(self) -> bool:
        return self._status in ORDER

    def advance(self) -> None:
        """Do nothing. moto calls this to advance a run's state when it is read; here the process drives the state."""

    def prepare(self) -> Command:
        directories, arguments = self._directories, self._request.arguments
        glue_script.check_supported(self._request.command_name, arguments)
        directories.make()
        script = glue_script.fetch(self._request.script, directories.root)
        import_path = glue_script.fetch_modules(arguments.get("--extra-py-files", ""), directories.modules)
        environment = glue_script.script_environment(directories, import_path, self._settings.aws_environment)
        self._mirror = mirror = staging.stage(directories.s3, self._settings.cache)
        cluster = Cluster.of(
            directories.conf,
            mirror.root,
            directories.scratch,
            self._settings.tuning,
            glue_script.spark_settings(arguments),
        )
        cluster.write()
        environment |= {"PYSPARK_SUBMIT_ARGS": cluster.submit_arguments}
        environment |= self._settings.pool.admit(self.job_run_id, cluster, directories.log)
        named = {"--JOB_NAME": self._request.job_name, "--JOB_RUN_ID": self.job_run_id, **arguments}
        return Command(
            argv=glue_script.script_argv(script, named),
            env=environment,
            cwd=directories.work,
            log=directories.log,
            timeout=self._request.timeout_minutes * self._settings.seconds_per_minute,
        )

    def started(self) -> None:
        self._running_since = datetime.now(UTC)
        self.move("RUNNING")

    def collect(self, outcome: Outcome) -> None:
        """Upload the run's changes to S3, even if the run failed."""
        self._leave_jvm(outcome)
        if self._mirror is not None:
            staging.put_back(self._mirror, self._settings.s3)

    def ended(self, outcome: Outcome) -> None:
        message = outcome.message
        if outcome.result is Result.TIMED_OUT:
            message = f"Job run exceeded its timeout of {self._request.timeout_minutes} minutes."
        self._leave_jvm(outcome)  # in case `collect` was not called
        self._error, self._completed = message, datetime.now(UTC)
        self.move(FINAL[outcome.result])
        log.info(
            "glue_run_ended",
            job=self._request.job_name,
            run=self.job_run_id,
            state=self._status,
            seconds=self._execution_seconds(),
            error=message or None,
            log=str(self._directories.log),
        )
        shutil.rmtree(self._directories.root, ignore_errors=True)

    def _leave_jvm(self, outcome: Outcome) -> None:
        self._settings.pool.end(self.job_run_id, succeeded=outcome.result is Result.SUCCEEDED)

    def move(self, status: str) -> bool:
        """Move to a later state. Returns False if the run is already in that state, in a later one, or has ended."""
        with self._lock:
            if ORDER.get(status, 3) <= ORDER.get(self._status, 3):
                return False
            self._status, self._changed = status, datetime.now(UTC)
            return True

    def as_dict(self) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "Id": self.job_run_id,
            "Attempt": 0,
            "JobName": self._request.job_name,
            "StartedOn": self._submitted,
            "LastModifiedOn": self._changed,
            "JobRunState": self._status,
            "Arguments": dict(self._request.arguments),
            "PredecessorRuns": [],
            "ExecutionTime": self._execution_seconds(),
            "Timeout": self._request.timeout_minutes,
            "LogGroupName": "/aws-glue/jobs",
            **self._request.reported,
        }
        if not self.under_way:
            shown["CompletedOn"] = self._completed
        if not self.under_way and self._error:
            shown["ErrorMessage"] = self._error
        return shown

    def _execution_seconds(self) -> int:
        if self._running_since is None:
            return 0
        until = self._completed or datetime.now(UTC)
        return round((until - self._running_since).total_seconds())
