from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from local import process_trees, processes
from local.processes import PidFile

_SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = processes.spawn(
        (sys.executable, "-c", _SLEEP), {}, tmp_path / "state", tmp_path / "sleeper.log", tmp_path
    )
    yield process
    process.kill()
    process.wait()


def test_a_recorded_process_is_found_again(sleeper: subprocess.Popen[bytes], tmp_path: Path) -> None:
    path = tmp_path / "run" / "sleeper.pid"
    processes.record(sleeper, ("sleep",), path)

    recorded = PidFile.read(path)

    assert recorded is not None
    found = recorded.process()
    assert found is not None
    assert found.pid == sleeper.pid


def test_a_recycled_pid_is_not_taken_for_ours(sleeper: subprocess.Popen[bytes], tmp_path: Path) -> None:
    path = tmp_path / "sleeper.pid"
    processes.record(sleeper, ("sleep",), path)
    recorded = PidFile.read(path)
    assert recorded is not None

    recorded_an_hour_earlier = replace(recorded, create_time=recorded.create_time - 3600)

    assert recorded_an_hour_earlier.process() is None


def test_a_process_that_ended_is_not_found_though_nobody_took_note(
    sleeper: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    path = tmp_path / "sleeper.pid"
    processes.record(sleeper, ("sleep",), path)
    recorded = PidFile.read(path)
    assert recorded is not None

    sleeper.kill()

    _wait_until(lambda: recorded.process() is None)


def test_a_broken_pid_file_is_no_pid_file(tmp_path: Path) -> None:
    path = tmp_path / "x.pid"
    path.write_text('{"pid": 12')

    assert PidFile.read(path) is None


def test_stop_ends_grandchildren_that_ignore_sigterm(tmp_path: Path) -> None:
    stubborn = (
        "import signal,time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
    )
    parent = (
        f"import subprocess,sys,time; subprocess.Popen([sys.executable,'-c',{stubborn!r}]); time.sleep(60)"
    )
    log = tmp_path / "parent.log"
    process = processes.spawn((sys.executable, "-c", parent), {}, tmp_path, log, tmp_path)
    _wait_until(lambda: "ready\n" in log.read_text().replace("'ready'", ""))
    root = psutil.Process(process.pid)
    family = process_trees.tree(root)

    stopped = processes.stop([root], grace=0.5)

    assert stopped == 2
    assert [member for member in family if process_trees.is_alive(member)] == []
    process.wait()


def test_a_process_whose_parent_died_is_found_by_its_mark(tmp_path: Path) -> None:
    parent = (
        f"import subprocess,sys; subprocess.Popen([sys.executable,'-c',{_SLEEP!r}],start_new_session=True)"
    )
    process = processes.spawn((sys.executable, "-c", parent), {}, tmp_path, tmp_path / "log", tmp_path)
    process.wait()

    orphans = processes.marked(tmp_path)

    assert len(orphans) == 1
    assert processes.marked(tmp_path / "another cloud") == []
    processes.stop(orphans, grace=2)
    assert processes.marked(tmp_path) == []


def _wait_until(condition: object, seconds: float = 10) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
