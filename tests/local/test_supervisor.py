"""Start, notice, restart, stop: with plain Python programs as parts."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from local import process_trees, processes
from local.part import Part, answers
from local.settings import LocalSettings
from local.supervisor import Cancelled, OtherSettings, PartFailed, State, Supervisor

_NEVER = threading.Event()


@pytest.fixture
def supervisor(settings: LocalSettings) -> Iterator[Supervisor]:
    yield Supervisor(settings)
    processes.stop(processes.marked(settings.state), grace=2)


@pytest.fixture
def web(settings: LocalSettings) -> Part:
    port = settings.aws_port
    return Part(
        name="web",
        argv=(sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)),
        is_ready=answers(f"http://127.0.0.1:{port}/"),
        port=port,
    )


def test_a_started_part_answers_and_is_seen_by_another_supervisor(
    supervisor: Supervisor, web: Part, settings: LocalSettings
) -> None:
    supervisor.start(web, _NEVER)

    status = Supervisor(settings).status(web)
    assert (status.state, status.is_ready) == (State.RUNNING, True)
    assert Supervisor(settings).runs(web)


def test_a_part_that_died_is_noticed_and_can_be_started_again(supervisor: Supervisor, web: Part) -> None:
    supervisor.start(web, _NEVER)
    first = supervisor.process(web)
    assert first is not None
    first.kill()
    psutil.wait_procs([first], timeout=5)

    assert supervisor.status(web).state is State.DIED
    assert not supervisor.runs(web)
    supervisor.start(web, _NEVER)
    assert supervisor.status(web).state is State.RUNNING


def test_a_part_that_ends_at_once_is_reported_with_the_end_of_its_log(supervisor: Supervisor) -> None:
    part = Part(
        "broken", (sys.executable, "-c", "raise SystemExit('no disk left')"), is_ready=lambda _: False
    )

    with pytest.raises(PartFailed, match=r"broken ended with exit code 1") as failure:
        supervisor.start(part, _NEVER)

    assert "    no disk left" in str(failure.value)


def test_a_dead_part_is_not_ready_because_somebody_else_answers(supervisor: Supervisor) -> None:
    part = Part(
        "broken", (sys.executable, "-c", "raise SystemExit(3)"), is_ready=lambda _: _ended(supervisor)
    )

    with pytest.raises(PartFailed, match="exit code 3"):
        supervisor.start(part, _NEVER)


def _ended(supervisor: Supervisor) -> bool:
    """Ready only once the process is over: the answer must have come from another."""
    return not any(process_trees.is_alive(process) for process in supervisor._started)


def test_a_part_that_never_answers_is_reported_after_the_time_limit(settings: LocalSettings) -> None:
    impatient = Supervisor(settings.model_copy(update={"start_timeout": 0.3}))
    part = Part("mute", (sys.executable, "-c", "import time; time.sleep(60)"), is_ready=lambda _: False)

    with pytest.raises(PartFailed, match=r"mute did not answer within 0 s"):
        impatient.start(part, _NEVER)

    impatient.stop_everything()


def test_waiting_ends_when_another_step_failed(supervisor: Supervisor) -> None:
    failed = threading.Event()
    failed.set()
    part = Part("mute", (sys.executable, "-c", "import time; time.sleep(60)"), is_ready=lambda _: False)

    with pytest.raises(Cancelled):
        supervisor.start(part, failed)


def test_stop_started_spares_what_ran_before(
    supervisor: Supervisor, web: Part, settings: LocalSettings
) -> None:
    supervisor.start(web, _NEVER)
    later = Supervisor(settings)
    sleeper = Part("sleeper", (sys.executable, "-c", "import time; time.sleep(60)"), is_ready=lambda _: True)
    later.start(sleeper, _NEVER)

    later.stop_started()

    assert later.status(sleeper).state is State.STOPPED
    assert later.status(web).state is State.RUNNING


def test_stop_everything_also_finds_what_no_pid_file_names(
    supervisor: Supervisor, web: Part, settings: LocalSettings
) -> None:
    supervisor.start(web, _NEVER)
    (settings.run / "web.pid").unlink()

    assert Supervisor(settings).stop_everything() == 1
    assert processes.marked(settings.state) == []
    assert Supervisor(settings).stop_everything() == 0


def test_temporary_files_of_a_part_are_gone_with_it(supervisor: Supervisor, settings: LocalSettings) -> None:
    code = "import tempfile, time; print(tempfile.mkdtemp(), flush=True); time.sleep(60)"
    littering = Part("littering", (sys.executable, "-c", code), is_ready=lambda _: True)
    supervisor.start(littering, _NEVER)
    log = supervisor.log("littering")
    while len(lines := log.read_text().splitlines()) < 2:  # the first says what was started
        time.sleep(0.05)
    made = Path(lines[1])

    assert made.is_relative_to(settings.state)
    assert made.exists()
    supervisor.stop_everything()
    assert not made.exists()


def test_a_part_that_runs_otherwise_than_declared_is_refused(supervisor: Supervisor, web: Part) -> None:
    supervisor.start(web, _NEVER)

    with pytest.raises(OtherSettings, match="web runs with other settings"):
        supervisor.runs(replace(web, argv=(*web.argv, "--directory", "/")))


def test_a_failing_program_of_the_start_up_shows_its_log(supervisor: Supervisor) -> None:
    with pytest.raises(PartFailed, match="migrate ended with exit code 1") as failure:
        supervisor.run("migrate", (sys.executable, "-c", "raise SystemExit('V0003 is wrong')"), _NEVER)

    assert "V0003 is wrong" in str(failure.value)
