"""Run a child process, and kill all its descendants when it ends.

A Spark job is a tree: Python, the JVM, and PySpark's worker daemon, which moves to its own process group. When a
parent is killed, init adopts its children, and neither the process group nor the parent id leads to them. Every tree
therefore has a mark in its environment. All descendants inherit it, and they are found by it.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from local.process_trees import carriers, end, tree, value_of

MARK_VARIABLE = "HIGHWATER_LOCAL_PROCESS"


@dataclass(frozen=True)
class Command:
    """A command to run. `env` is the whole environment: nothing is inherited."""

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    log: Path
    timeout: float | None = None


@dataclass(frozen=True)
class Ending:
    exit_code: int
    stopped: bool = False
    timed_out: bool = False


class ProcessTree:
    """One run of a command. `stop` may be called from any thread, even before the start."""

    def __init__(self, command: Command, mark: str, grace: float = 5.0) -> None:
        self._command = command
        self._mark = mark
        self._grace = grace
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stop_wanted = False

    def run(self, on_start: Callable[[], None]) -> Ending:
        """Start the command, and block until it and all its descendants have ended."""
        self._command.log.parent.mkdir(parents=True, exist_ok=True)
        with self._command.log.open("ab") as log:
            with self._lock:
                if self._stop_wanted:
                    return Ending(exit_code=-15, stopped=True)
                self._process = process = self._spawn(log.fileno())
            try:
                on_start()
                return self._wait(process)
            finally:
                kill_tree(self._mark, self._grace, root=process.pid if process.poll() is None else None)

    def stop(self) -> None:
        """Kill the tree and wait until it is dead: SIGTERM first, SIGKILL after the grace period."""
        with self._lock:
            self._stop_wanted = True
            process = self._process
        if process is not None and process.poll() is None:
            kill_tree(self._mark, self._grace, root=process.pid)

    def _spawn(self, log: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            list(self._command.argv),
            env={**self._command.env, MARK_VARIABLE: self._mark},
            cwd=self._command.cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _wait(self, process: subprocess.Popen[bytes]) -> Ending:
        try:
            exit_code = process.wait(self._command.timeout)
        except subprocess.TimeoutExpired:
            kill_tree(self._mark, self._grace, root=process.pid)
            return Ending(
                exit_code=process.wait(), stopped=self._stop_wanted, timed_out=not self._stop_wanted
            )
        return Ending(exit_code=exit_code, stopped=self._stop_wanted)


def kill_tree(mark: str, grace: float, root: int | None = None) -> None:
    """Kill all processes with the mark, and all descendants of `root`, with or without the mark."""

    def carrying() -> set[psutil.Process]:
        return marked(lambda found: found == mark)

    end(carrying() | descendants(root), grace, spawned_since=carrying)


def kill_marked_by(owner: str, grace: float) -> int:
    """Kill the processes that a killed owner left behind. Their marks are '<owner>:<name>'."""
    left = marked(lambda found: found.startswith(f"{owner}:"))
    for mark in {value_of(process, MARK_VARIABLE) for process in left} - {None}:
        kill_tree(str(mark), grace)
    return len(left)


def marked(wanted: Callable[[str], bool]) -> set[psutil.Process]:
    return {process for process in carriers(MARK_VARIABLE, wanted) if process.pid != os.getpid()}


def descendants(root: int | None) -> set[psutil.Process]:
    """The process and all its descendants. Empty if there is no such process."""
    try:
        return set() if root is None else tree(psutil.Process(root))
    except psutil.NoSuchProcess:
        return set()
