"""Start parts, check that they run and answer, and stop the processes of a local cloud."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import psutil

from local import processes
from local.environment import process_environment
from local.part import Part
from local.processes import PidFile
from local.settings import REPOSITORY, LocalSettings

LOG_LINES_SHOWN = 25
_POLL_SECONDS = 0.1


class PartFailed(Exception):
    """A part has ended or did not answer in time. The message ends with the tail of its log."""


class OtherSettings(Exception):
    """A part is running with other settings than the current ones."""


class Cancelled(Exception):
    """Another step failed, or the user pressed Ctrl-C: this one gave up waiting."""


class State(Enum):
    RUNNING = "running"
    DIED = "died"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Status:
    part: Part
    state: State
    pid: int | None
    is_ready: bool


class Supervisor:
    def __init__(self, settings: LocalSettings) -> None:
        self.settings = settings
        self._started: list[psutil.Process] = []

    def process(self, part: Part) -> psutil.Process | None:
        recorded = PidFile.read(self._pid_file(part))
        return recorded.process() if recorded else None

    def runs(self, part: Part) -> bool:
        """Whether it runs as declared; one that runs otherwise has to be stopped by the user first."""
        if self.process(part) is None:
            return False
        recorded = PidFile.read(self._pid_file(part))
        if recorded is None or recorded.argv != part.argv:
            raise OtherSettings(
                f"{part.name} runs with other settings than these:\n"
                f"  running: {' '.join(recorded.argv if recorded else ())}\n"
                f"  wanted:  {' '.join(part.argv)}\n"
                "Stop it first (python -m local down), or use the settings that it was started with."
            )
        return True

    def status(self, part: Part) -> Status:
        recorded = PidFile.read(self._pid_file(part))
        if recorded is None:
            return Status(part, State.STOPPED, None, is_ready=False)
        if recorded.process() is None:
            return Status(part, State.DIED, recorded.pid, is_ready=False)
        return Status(part, State.RUNNING, recorded.pid, is_ready=part.is_ready(recorded.create_time))

    def start(self, part: Part, cancelled: threading.Event) -> float:
        """Start a part and wait until it answers; how many seconds that took."""
        began = time.monotonic()
        process = self._spawn(part.name, part.argv, part.environment)
        created = processes.record(process, part.argv, self._pid_file(part))
        while process.poll() is not None or not part.is_ready(created):
            if process.returncode is not None:
                raise PartFailed(self._story(part.name, f"ended with exit code {process.returncode}"))
            if time.monotonic() - began > self.settings.start_timeout:
                raise PartFailed(
                    self._story(part.name, f"did not answer within {self.settings.start_timeout:.0f} s")
                )
            if cancelled.wait(_POLL_SECONDS):
                raise Cancelled(part.name)
        return time.monotonic() - began

    def run(self, name: str, argv: Sequence[str], cancelled: threading.Event) -> None:
        """Run a program of the start-up to its end; its output goes to a log like a part's."""
        process = self._spawn(name, argv, {})
        while process.poll() is None:
            if cancelled.wait(_POLL_SECONDS):
                raise Cancelled(name)
        if process.returncode != 0:
            raise PartFailed(self._story(name, f"ended with exit code {process.returncode}"))

    def stop(self, part: Part) -> None:
        if process := self.process(part):
            processes.stop([process], self.settings.stop_grace)
        self._pid_file(part).unlink(missing_ok=True)

    def stop_started(self) -> None:
        """Take back what this supervisor started, and nothing else."""
        processes.stop(self._started, self.settings.stop_grace)
        gone = {process.pid for process in self._started}
        for path in self.settings.run.glob("*.pid"):
            recorded = PidFile.read(path)
            if recorded is None or recorded.pid in gone:
                path.unlink(missing_ok=True)

    def stop_everything(self) -> int:
        """Stop all processes of this local cloud, recorded or not; how many there were."""
        recorded = [PidFile.read(path) for path in self.settings.run.glob("*.pid")]
        alive = [process for pid_file in recorded if pid_file and (process := pid_file.process())]
        stopped = processes.stop([*alive, *processes.marked(self.settings.state)], self.settings.stop_grace)
        # One that was being started while the others were stopped.
        stopped += processes.stop(processes.marked(self.settings.state), self.settings.stop_grace)
        for path in self.settings.run.glob("*.pid"):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.settings.temporary, ignore_errors=True)
        return stopped

    def log(self, name: str) -> Path:
        return self.settings.logs / f"{name}.log"

    def _spawn(self, name: str, argv: Sequence[str], extra: Mapping[str, str]) -> subprocess.Popen[bytes]:
        environment = process_environment(self.settings) | {
            "PYTHONPATH": _import_path(),
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": str(self.settings.temporary),
        }
        self.settings.temporary.mkdir(parents=True, exist_ok=True)
        process = processes.spawn(
            argv, {**environment, **extra}, self.settings.state, self.log(name), directory=REPOSITORY
        )
        self._started.append(psutil.Process(process.pid))
        return process

    def _pid_file(self, part: Part) -> Path:
        return self.settings.run / f"{part.name}.pid"

    def _story(self, name: str, what: str) -> str:
        log = self.log(name)
        return f"{name} {what}. The end of {log}:\n{tail(log, LOG_LINES_SHOWN)}"


def tail(log: Path, lines: int) -> str:
    if not log.exists():
        return "    (no log)"
    text = log.read_text(errors="replace").splitlines()[-lines:]
    return "\n".join(f"    {line}" for line in text)


def _import_path() -> str:
    """Parts import this repository's packages wherever they are started from."""
    inherited = os.environ.get("PYTHONPATH")
    return os.pathsep.join([str(REPOSITORY), *([inherited] if inherited else [])])
