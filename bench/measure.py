"""What a command costs: CPU of its whole process tree, wall time and peak memory."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

SAMPLE_SECONDS = 0.1


class CommandFailed(RuntimeError):
    pass


@dataclass(frozen=True)
class Cost:
    cpu_seconds: float
    wall_seconds: float
    peak_memory_mb: float


def total(costs: Sequence[Cost]) -> Cost:
    """Of commands that ran one after the other."""
    return Cost(
        round(sum(cost.cpu_seconds for cost in costs), 2),
        round(sum(cost.wall_seconds for cost in costs), 2),
        max(cost.peak_memory_mb for cost in costs),
    )


def run(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Cost:
    """CPU comes from the kernel's account of the waited-for tree, so that no process is missed between two samples."""
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=dict(environment), stdout=output, stderr=subprocess.STDOUT)
        peak = _Peak(process.pid)
        peak.start()
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    peak.stop()
    if process.returncode:
        raise CommandFailed(f"{command[0]} ended with {process.returncode}; the end of {log}:\n{_tail(log)}")
    return Cost(round(usage.ru_utime + usage.ru_stime, 2), round(wall, 2), round(peak.bytes / 2**20, 1))


def _tail(log: Path, lines: int = 20) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


class _Peak(threading.Thread):
    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.bytes = 0
        self._pid = pid
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            self.bytes = max(self.bytes, _resident(self._pid))

    def stop(self) -> None:
        self._ended.set()
        self.join()


def _resident(pid: int) -> int:
    total = 0
    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for process in family:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total
