"""Detached processes that can be found again after `up` has ended, after a crash and after a reboot."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from local.process_trees import carriers, end, is_alive, tree

# Every process of a local cloud inherits this, so those whose parents died are still found.
MARK = "HIGHWATER_LOCAL_CLOUD"

# psutil derives the time from the boot time, which changes slightly when the clock is set.
_SAME_START_SECONDS = 2.0


@dataclass(frozen=True)
class PidFile:
    pid: int
    create_time: float
    argv: tuple[str, ...]

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> PidFile | None:
        try:
            content = json.loads(path.read_text())
            return cls(int(content["pid"]), float(content["create_time"]), tuple(content["argv"]))
        except (FileNotFoundError, ValueError, KeyError):
            return None

    def process(self) -> psutil.Process | None:
        """The recorded process, never another one with a reused id."""
        try:
            process = psutil.Process(self.pid)
            is_same = abs(process.create_time() - self.create_time) < _SAME_START_SECONDS
        except psutil.NoSuchProcess:
            return None
        return process if is_same and is_alive(process) else None


def spawn(
    argv: Sequence[str], environment: Mapping[str, str], state: Path, log: Path, directory: Path
) -> subprocess.Popen[bytes]:
    """Start a process in its own session, so that it outlives this one and ignores Ctrl-C in this terminal."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        output.write(f"--- {time.strftime('%Y-%m-%d %H:%M:%S')} {' '.join(argv)}\n".encode())
        output.flush()
        return subprocess.Popen(
            argv,
            env={**environment, MARK: str(state)},
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def record(process: subprocess.Popen[bytes], argv: Sequence[str], path: Path) -> float:
    """Record a started process. Returns its start time."""
    created: float = psutil.Process(process.pid).create_time()
    PidFile(process.pid, created, tuple(argv)).write(path)
    return created


def marked(state: Path) -> list[psutil.Process]:
    """All processes of the local cloud with this state directory, including orphans."""
    ours = _ourselves()
    return [
        process for process in carriers(MARK, lambda found: found == str(state)) if process.pid not in ours
    ]


def stop(processes: Iterable[psutil.Process], grace: float) -> int:
    """End processes with all their descendants, by SIGTERM and then SIGKILL. Returns their number."""
    spared = _ourselves()
    targets = {p for process in processes for p in tree(process) if p.pid not in spared and is_alive(p)}
    end(targets, grace, spawned_since=lambda: {p for process in targets for p in tree(process)})
    return len(targets)


def _ourselves() -> set[int]:
    me = psutil.Process(os.getpid())
    return {me.pid, *(parent.pid for parent in me.parents())}
