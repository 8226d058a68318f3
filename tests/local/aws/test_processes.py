from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from local.aws.job_runner import CannotRunError, JobRunner, Outcome, Result
from local.aws.processes import MARK_VARIABLE, Command, Ending, ProcessTree, kill_marked_by, marked
from local.process_trees import is_alive

IGNORES_SIGTERM = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('deaf', flush=True)
time.sleep(600)
"""


def python(tmp_path: Path, script: str, timeout: float | None = None) -> Command:
    argv = [sys.executable, "-c", script]
    return Command(argv, env={"ONLY": "this"}, cwd=tmp_path, log=tmp_path / "log", timeout=timeout)


def wait_for(log: Path, text: str) -> None:
    deadline = time.monotonic() + 20
    while not (log.exists() and text in log.read_text()):
        assert time.monotonic() < deadline, f"{text!r} is not in the log"
        time.sleep(0.02)


def test_output_goes_to_the_log_and_nothing_is_inherited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAKED", "yes")
    script = "import os, sys; print(sorted(os.environ)); print('err', file=sys.stderr); sys.exit(3)"

    ending = ProcessTree(python(tmp_path, script), f"{tmp_path}:1").run(lambda: None)

    assert ending == Ending(exit_code=3)
    log = (tmp_path / "log").read_text()
    assert "err" in log
    assert "'ONLY'" in log
    assert "LEAKED" not in log


def test_a_timeout_kills_and_says_so(tmp_path: Path) -> None:
    ending = ProcessTree(python(tmp_path, "import time; time.sleep(600)", timeout=0.3), f"{tmp_path}:2").run(
        lambda: None
    )

    assert ending.timed_out
    assert not ending.stopped
    assert marked(lambda mark: mark == f"{tmp_path}:2") == set()


def test_a_process_deaf_to_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    tree = ProcessTree(python(tmp_path, IGNORES_SIGTERM), f"{tmp_path}:3", grace=0.3)
    endings: list[Ending] = []
    thread = threading.Thread(target=lambda: endings.append(tree.run(lambda: None)))
    thread.start()
    wait_for(tmp_path / "log", "deaf")

    tree.stop()
    thread.join(10)

    assert [ending.stopped for ending in endings] == [True]


def test_a_stop_before_the_start_starts_nothing(tmp_path: Path) -> None:
    tree = ProcessTree(python(tmp_path, "print('ran')"), f"{tmp_path}:4")
    tree.stop()

    assert tree.run(lambda: pytest.fail("started")) == Ending(exit_code=-15, stopped=True)
    assert (tmp_path / "log").read_text() == ""


def test_leftovers_of_a_killed_owner_are_found_by_their_mark(tmp_path: Path) -> None:
    """The orphan has another session and no parent: only the mark is left."""
    spawn = (
        "import subprocess, sys; "
        "argv = [sys.executable, '-c', 'import time; time.sleep(600)']; "
        "print(subprocess.Popen(argv, start_new_session=True, stdout=subprocess.DEVNULL).pid)"
    )
    environment = {MARK_VARIABLE: f"{tmp_path}/a:job"}
    parent = subprocess.run(
        [sys.executable, "-c", spawn],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=20,
    )
    orphan = psutil.Process(int(parent.stdout))

    assert kill_marked_by(str(tmp_path), grace=1) == 0
    assert is_alive(orphan)
    assert kill_marked_by(f"{tmp_path}/a", grace=1) == 1
    assert not is_alive(orphan)


class ScriptedJob:
    """A job that does in each step what the test says."""

    job_id = "job"

    def __init__(self, command: Command, fail_in: str = "") -> None:
        self.command = command
        self.fail_in = fail_in
        self.steps: list[str] = []
        self.outcome: Outcome | None = None
        self.over = threading.Event()

    def prepare(self) -> Command:
        self._step("prepare")
        return self.command

    def started(self) -> None:
        self._step("started")

    def collect(self, outcome: Outcome) -> None:
        self.collected_as = outcome
        self._step("collect")

    def ended(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.over.set()

    def _step(self, name: str) -> None:
        self.steps.append(name)
        if self.fail_in == name:
            raise CannotRunError(f"{name} failed")


def run_to_the_end(job: ScriptedJob, runner: JobRunner) -> Outcome:
    runner.submit(job)
    assert job.over.wait(20)
    assert job.outcome is not None
    return job.outcome


def test_steps_of_a_job_in_order(tmp_path: Path) -> None:
    job = ScriptedJob(python(tmp_path, "pass"))

    assert run_to_the_end(job, JobRunner(str(tmp_path))) == Outcome(Result.SUCCEEDED, exit_code=0)
    assert job.steps == ["prepare", "started", "collect"]


def test_a_failed_job_is_collected_too(tmp_path: Path) -> None:
    job = ScriptedJob(python(tmp_path, "raise KeyError('sku')"))

    assert run_to_the_end(job, JobRunner(str(tmp_path))) == Outcome(Result.FAILED, "KeyError: 'sku'", 1)
    assert job.steps[-1] == "collect"
    assert job.collected_as == job.outcome


@pytest.mark.parametrize("step", ["prepare", "started", "collect"])
def test_whatever_step_fails_the_job_ends_as_failed(tmp_path: Path, step: str) -> None:
    job = ScriptedJob(python(tmp_path, "pass"), fail_in=step)

    assert run_to_the_end(job, JobRunner(str(tmp_path))) == Outcome(Result.FAILED, f"{step} failed")


def test_closing_stops_the_jobs_without_collecting_and_takes_no_more(tmp_path: Path) -> None:
    job = ScriptedJob(python(tmp_path, "print('up', flush=True); import time; time.sleep(600)"))
    runner = JobRunner(str(tmp_path), grace=1)
    runner.submit(job)
    wait_for(tmp_path / "log", "up")

    runner.close()

    assert job.outcome == Outcome(Result.STOPPED, exit_code=-15)
    assert job.steps == ["prepare", "started"]
    assert marked(lambda mark: mark.startswith(f"{tmp_path}:")) == set()
    with pytest.raises(CannotRunError, match="going down"):
        runner.submit(job)


def test_stopping_what_is_not_under_way_says_so(tmp_path: Path) -> None:
    assert JobRunner(str(tmp_path)).stop("unknown") is False
