"""Find processes with all their descendants, and end them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import psutil

POLL_SECONDS = 0.05
_KILLED_WITHIN_SECONDS = 1.0
Find = Callable[[], set[psutil.Process]]


def is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def tree(root: psutil.Process) -> set[psutil.Process]:
    """The process and its descendants. Empty if the process is gone."""
    try:
        return {root, *root.children(recursive=True)}
    except psutil.NoSuchProcess:
        return set()


def carriers(variable: str, wanted: Callable[[str], bool]) -> set[psutil.Process]:
    """Processes whose environment has a given value of the variable. Descendants inherit it, even as orphans."""
    return {
        process
        for process in psutil.process_iter()
        if (value := value_of(process, variable)) is not None and wanted(value)
    }


def value_of(process: psutil.Process, variable: str) -> str | None:
    try:
        value: str | None = process.environ().get(variable)
    except (psutil.Error, OSError):  # another user's process, or one that has just ended
        return None
    return value


def end(members: set[psutil.Process], grace: float, spawned_since: Find) -> None:
    """Send SIGTERM, then SIGKILL after the grace period, until the processes and their descendants are gone."""
    _signal(members, kill=False)
    _wait_until_dead(members, grace)
    while survivors := {process for process in members | spawned_since() if is_alive(process)}:
        _signal(survivors, kill=True)
        _wait_until_dead(survivors, _KILLED_WITHIN_SECONDS)


def _signal(processes: Iterable[psutil.Process], *, kill: bool) -> None:
    for process in processes:
        try:
            process.kill() if kill else process.terminate()
        except psutil.NoSuchProcess:
            continue


def _wait_until_dead(processes: Iterable[psutil.Process], seconds: float) -> None:
    # Not psutil.wait_procs: it reaps the process and takes the exit code from a Popen in another thread.
    deadline = time.monotonic() + seconds
    while any(is_alive(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
