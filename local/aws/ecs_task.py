"""One ECS task, run as a local process. DescribeTasks and EventBridge show its state.

There is no container image. Every task runs in this repository and its virtual environment, which stand for the
worker's image in production. The container definition gives the command and the environment variables.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from botocore.exceptions import ClientError
from moto.events.models import events_backends

from local.aws import ecs_secrets
from local.aws.failure_message import tail
from local.aws.glue_script import PASSED_ON
from local.aws.job_runner import CannotRunError, Outcome, Result
from local.aws.processes import Command

log = structlog.get_logger()

SEE = "see docs/parity.md"
ORDER = {"PENDING": 0, "RUNNING": 1, "STOPPING": 2, "STOPPED": 3}
# Settings of a container definition that the local ECS does not support.
NOT_SUPPORTED = ("environmentFiles", "mountPoints", "volumesFrom", "dependsOn", "entryPoint")
LINES_A_CALL = 1000


@dataclass(frozen=True)
class EcsSettings:
    """The server's settings that a task needs. `image` is the directory that stands for the container image."""

    state: Path
    image: Path
    log_directory: Path
    aws_environment: Mapping[str, str]
    logs: Any
    secrets_manager: Any
    parameters: Any

    def directory(self, task_id: str) -> Path:
        return self.state / "ecs" / task_id

    def log(self, task_id: str) -> Path:
        return self.log_directory / "ecs" / f"{task_id}.log"


class EcsTask:
    """A LocalJob that keeps moto's task object, which the API shows, in sync with the local process."""

    def __init__(
        self, shown: Any, definition: Any, settings: EcsSettings, on_end: Callable[[EcsTask], None]
    ) -> None:
        self._shown = shown
        self._definition = definition
        self._settings = settings
        self._on_end = on_end
        self._lock = threading.Lock()
        self._container = definition.container_definitions[0]
        self._running = shown.containers[0]
        # moto advances a task's status each time it is described. Turn that off: this status follows the process.
        shown.model_name, shown._transitions = "local::ecs-task", [("-", "-")]
        shown.status = self._running.last_status = "PENDING"
        shown.created_at, self._running.exitCode = datetime.now(UTC), None
        shown.cpu, shown.memory = self._size("cpu"), self._size("memory")
        self._tell()

    @property
    def job_id(self) -> str:
        return str(self._shown.id)

    def prepare(self) -> Command:
        self._check_supported()
        self._open_log_stream()
        directory = self._settings.directory(self.job_id)
        directory.mkdir(parents=True)
        override = self._override()
        argv = override.get("command") or self._container.get("command")
        if not argv:
            raise CannotRunError("neither the task definition nor the request says which command to run")
        variables = [*(self._container.get("environment") or []), *(override.get("environment") or [])]
        named = {variable["name"]: str(variable["value"]) for variable in variables}
        secrets = ecs_secrets.values(
            self._container.get("secrets") or [], self._settings.secrets_manager, self._settings.parameters
        )
        return Command(
            argv=argv,
            env={**self._image_environment(directory), **self._settings.aws_environment, **named, **secrets},
            cwd=directory,
            log=self._settings.log(self.job_id),
        )

    def started(self) -> None:
        self._shown.started_at = datetime.now(UTC)
        self._move("RUNNING")

    def stopping(self, reason: str) -> None:
        with self._lock:
            if self._shown.desired_status != "STOPPED":
                self._shown.desired_status = "STOPPED"
                self._shown.stopped_reason, self._shown.stop_code = reason, "UserInitiated"
        self._move("STOPPING")

    def collect(self, outcome: Outcome) -> None:  # noqa: ARG002
        """Send the whole log to CloudWatch when the task ends. The awslogs driver would send it line by line."""
        options = self._awslogs()
        lines = tail(self._settings.log(self.job_id)).splitlines()
        now = round(time.time() * 1000)
        for start in range(0, len(lines) if options else 0, LINES_A_CALL):
            self._settings.logs.put_log_events(
                logGroupName=options["awslogs-group"],
                logStreamName=self._log_stream(options),
                logEvents=[
                    {"timestamp": now, "message": line or " "} for line in lines[start : start + LINES_A_CALL]
                ],
            )

    def ended(self, outcome: Outcome) -> None:
        code = outcome.exit_code
        # Report death by a signal as container runtimes do: 128 plus the signal number.
        self._running.exitCode = 128 - code if code is not None and code < 0 else code
        with self._lock:
            if self._shown.desired_status != "STOPPED":
                self._shown.desired_status = "STOPPED"
                ran = code is not None
                self._shown.stop_code = "EssentialContainerExited" if ran else "TaskFailedToStart"
                self._shown.stopped_reason = "Essential container in task exited" if ran else outcome.message
        if outcome.result is Result.FAILED:
            self._running.reason = outcome.message
        self._shown.stopped_at = datetime.now(UTC)
        shutil.rmtree(self._settings.directory(self.job_id), ignore_errors=True)
        self._move("STOPPED")
        self._on_end(self)
        log.info(
            "ecs_task_ended",
            task=self.job_id,
            exit_code=self._running.exitCode,
            reason=self._shown.stopped_reason,
            error=outcome.message or None,
            log=str(self._settings.log(self.job_id)),
        )

    def _move(self, status: str) -> None:
        """Move to a later status; ignore an earlier one. A task that was stopped while starting never becomes RUNNING."""
        with self._lock:
            if ORDER[status] <= ORDER[str(self._shown.status)]:
                return
            self._shown.status = self._running.last_status = status
        self._tell()

    def _tell(self) -> None:
        """Send the state change to EventBridge, where a rule watches for crashed flow runs."""
        shown = self._shown
        detail = {
            "taskArn": shown.task_arn,
            "clusterArn": shown.cluster_arn,
            "taskDefinitionArn": shown.task_definition_arn,
            "group": shown.group,
            "launchType": shown.launch_type,
            "lastStatus": shown.status,
            "desiredStatus": shown.desired_status,
            "stoppedReason": shown.stopped_reason or None,
            "stopCode": getattr(shown, "stop_code", None),
            "containers": [
                {
                    "name": self._running.name,
                    "containerArn": self._running.container_arn,
                    "lastStatus": self._running.last_status,
                    "exitCode": self._running.exitCode,
                    "reason": getattr(self._running, "reason", None),
                }
            ],
        }
        detail["containers"] = [
            {key: value for key, value in container.items() if value is not None}
            for container in detail["containers"]
        ]
        events_backends[shown._account_id][shown.region_name].put_events(
            [
                {
                    "Source": "aws.ecs",
                    "DetailType": "ECS Task State Change",
                    "Resources": [shown.task_arn],
                    "Detail": json.dumps({key: value for key, value in detail.items() if value is not None}),
                }
            ]
        )

    def _override(self) -> Mapping[str, Any]:
        overrides = (self._shown.overrides or {}).get("containerOverrides") or []
        return next((o for o in overrides if o.get("name") == self._container.get("name")), {})

    def _size(self, of: str) -> str | None:
        return (self._shown.overrides or {}).get(of) or getattr(self._definition, of, None)

    def _check_supported(self) -> None:
        if len(self._definition.container_definitions) > 1:
            raise CannotRunError(f"the local ECS runs one container a task; {SEE}")
        for name in NOT_SUPPORTED:
            if self._container.get(name):
                raise CannotRunError(f"the local ECS does not know a container's {name}; {SEE}")

    def _image_environment(self, directory: Path) -> dict[str, str]:
        """The task's whole environment, built from scratch so that no settings of this machine leak in."""
        return {
            **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"]),
            "PYTHONPATH": str(self._settings.image),
            "PYTHONUNBUFFERED": "1",
            "HOME": str(directory),
            "TZ": "UTC",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
        }

    def _awslogs(self) -> dict[str, str]:
        configured = self._container.get("logConfiguration") or {}
        return dict(configured.get("options") or {}) if configured.get("logDriver") == "awslogs" else {}

    def _log_stream(self, options: Mapping[str, str]) -> str:
        return f"{options.get('awslogs-stream-prefix', 'ecs')}/{self._container['name']}/{self.job_id}"

    def _open_log_stream(self) -> None:
        if options := self._awslogs():
            group = options["awslogs-group"]
            try:
                self._settings.logs.create_log_stream(
                    logGroupName=group, logStreamName=self._log_stream(options)
                )
            except ClientError as error:
                raise CannotRunError(
                    f"ResourceInitializationError: failed to validate logger args: {group}: {error}"
                ) from error
