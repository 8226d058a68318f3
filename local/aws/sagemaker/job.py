"""One SageMaker job, run as a local process. Describe shows its state."""

from __future__ import annotations

import shutil
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import structlog

from local.aws.job_runner import Outcome, Result
from local.aws.processes import Command
from local.aws.sagemaker.images import Environment
from local.aws.sagemaker.opt_ml import OptMl, Program

log = structlog.get_logger()

UNDER_WAY = ("InProgress", "Stopping")
REASON_LIMIT = 1024
FINAL = {
    Result.SUCCEEDED: "Completed",
    Result.FAILED: "Failed",
    Result.STOPPED: "Stopped",
    Result.TIMED_OUT: "Stopped",  # as on AWS, where only the secondary status differs
}


@dataclass(frozen=True)
class SageMakerSettings:
    """The server's settings that a job needs."""

    state: Path
    logs: Path
    aws_environment: Mapping[str, str]
    s3: Any
    isolated: bool

    def log(self, kind: str, name: str) -> Path:
        return self.logs / "sagemaker" / kind / f"{name}.log"

    def root(self, kind: str, name: str) -> Path:
        return self.state / "sagemaker" / kind / name


class SageMakerJob(ABC):
    """The common part of training, processing and transform jobs."""

    noun: ClassVar[str]  # TrainingJob
    verb: ClassVar[str]  # Training, as in TrainingStartTime
    ran_too_long: ClassVar[str] = "MaxRuntimeExceeded"

    def __init__(
        self,
        request: Mapping[str, Any],
        arn: str,
        environment: Environment,
        settings: SageMakerSettings,
        *,
        offline: bool,
    ) -> None:
        """`offline`: the job's program has no network (EnableNetworkIsolation)."""
        self.request = request
        self.name: str = request[f"{self.noun}Name"]
        self.arn = arn
        self.created = self.changed = datetime.now(UTC)
        self._environment = environment
        self._settings = settings
        self._log = settings.log(self.noun, self.name)
        self._ml = OptMl(settings.root(self.noun, self.name), settings.isolated, offline)
        self._lock = threading.RLock()
        self._status = "InProgress"
        self._reason = ""
        self._started: datetime | None = None
        self.ended_at: datetime | None = None

    @abstractmethod
    def stage_in(self, ml: OptMl, environment: Environment) -> Program: ...

    @abstractmethod
    def stage_out(self, ml: OptMl, outcome: Outcome) -> None: ...

    @abstractmethod
    def max_seconds(self) -> float | None: ...

    @property
    def job_id(self) -> str:
        return f"{self.noun}/{self.name}"

    @property
    def status(self) -> str:
        return self._status

    @property
    def under_way(self) -> bool:
        return self._status in UNDER_WAY

    def prepare(self) -> Command:
        self.phase("Downloading")
        self._environment.check_installed()
        self._ml.root.mkdir(parents=True)
        self._log.unlink(missing_ok=True)  # a job of an earlier server may have had the same name
        program = self.stage_in(self._ml, self._environment)
        return Command(
            argv=self._ml.argv(program),
            env=self._ml.environment(program, self._environment.python, self._settings.aws_environment),
            cwd=self._ml.cwd(program),
            log=self._log,
            timeout=self.max_seconds(),
        )

    def started(self) -> None:
        self._started = datetime.now(UTC)
        self.phase(self.verb)

    def collect(self, outcome: Outcome) -> None:
        self.phase("Uploading")
        self.stage_out(self._ml, outcome)

    def ended(self, outcome: Outcome) -> None:
        reason = self.reason(self._ml, outcome) if outcome.result is Result.FAILED else ""
        shutil.rmtree(self._ml.root, ignore_errors=True)
        with self._lock:
            self._reason = reason[:REASON_LIMIT]
            self._status = FINAL[outcome.result]
            self.ended_at = self.changed = datetime.now(UTC)
            self.closed(self._status if outcome.result is not Result.TIMED_OUT else self.ran_too_long)
        log.info(
            "sagemaker_job_ended",
            job=self.job_id,
            state=self._status,
            error=reason or None,
            log=str(self._log),
        )

    def stopping(self) -> bool:
        """Mark the job as stopping. Returns False if it has already ended."""
        with self._lock:
            if self._status == "InProgress":
                self._status, self.changed = "Stopping", datetime.now(UTC)
                return True
            return self._status == "Stopping"

    def phase(self, name: str) -> None:  # noqa: B027 - only training shows its phases
        pass

    def closed(self, name: str) -> None:  # noqa: B027 - as above
        pass

    def reason(self, ml: OptMl, outcome: Outcome) -> str:  # noqa: ARG002
        return outcome.message

    def description(self) -> dict[str, Any]:
        """A consistent description: the lock keeps the job from changing while it is made."""
        with self._lock:
            return self.described()

    def described(self) -> dict[str, Any]:
        """The request, with the job's status and times."""
        shown = {name: value for name, value in self.request.items() if name != "Tags"}
        shown |= {
            f"{self.noun}Arn": self.arn,
            f"{self.noun}Status": self._status,
            "CreationTime": self.created,
            "LastModifiedTime": self.changed,
        }
        if self._started is not None:
            shown[f"{self.verb}StartTime"] = self._started
        if self.ended_at is not None:
            shown[f"{self.verb}EndTime"] = self.ended_at
        if self._reason:
            shown["FailureReason"] = self._reason
        return shown

    def summary(self) -> dict[str, Any]:
        members = ("Name", "Arn", "Status")
        shown = self.description()
        wanted = [f"{self.noun}{member}" for member in members]
        wanted += ["CreationTime", "LastModifiedTime", f"{self.verb}EndTime", "FailureReason"]
        return {name: shown[name] for name in wanted if name in shown}

    def log_text(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def running_seconds(self) -> int:
        if self._started is None:
            return 0
        return round(((self.ended_at or datetime.now(UTC)) - self._started).total_seconds())


def algorithm_error(message: str) -> str:
    """Add the prefix that says who caused the error, as SageMaker does."""
    if message.startswith("the local cloud "):
        return f"InternalServerError: {message}"
    known = ("AlgorithmError:", "ClientError:", "InternalServerError:")
    return message if message.startswith(known) else f"AlgorithmError: {message}"
