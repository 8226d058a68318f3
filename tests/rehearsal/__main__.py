"""`make rehearse`: the first deployment of docs/deploy.md, command by command, against a local cloud of its own.

Ends with a table of what was done, what only a real account can do, what is run elsewhere, and what each step showed.
Exit code 1 if a step failed, 2 if the page has commands that the plan does not know.
"""

from __future__ import annotations

import argparse
import fcntl
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from local.cloud import down
from local.settings import REPOSITORY, LocalSettings
from tests.rehearsal import scene

# Of the programs that the page takes for granted.
NEEDED = ("aws", "openssl", "shred", "curl", "git", "make")
STATE = REPOSITORY / ".local" / "rehearsal"
START_SECONDS = 300  # of a server, on a busy machine
PARTS = ("prefect", "aws", "snowflake", "listener")  # of no listener, but the worker's health has its port


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.rehearsal", description=__doc__)
    parser.add_argument("--ports", type=int, default=4690, help=f"the first of {len(PARTS)} ports")
    parser.add_argument(
        "--state", type=Path, default=STATE, help="folder of its cloud; emptied first, logs stay"
    )
    given = parser.parse_args()
    if missing := [program for program in NEEDED if not shutil.which(program)]:
        print(f"docs/deploy.md needs {', '.join(missing)}, and this machine has none", file=sys.stderr)
        return 1
    if changes := _changes():
        print(
            f"a release refuses a checkout with changes, so commit these first:\n{changes}", file=sys.stderr
        )
        return 1
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))  # down() is still called
    ports = {f"{part}_port": given.ports + number for number, part in enumerate(PARTS)}
    settings = LocalSettings(state=given.state, inbox_listener=False, start_timeout=START_SECONDS, **ports)
    settings.state.mkdir(parents=True, exist_ok=True)
    with (settings.state / "rehearsal.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(
                f"another rehearsal is at work in {settings.state}: wait, or name another --state",
                file=sys.stderr,
            )
            return 1
        return _alone(settings)


def _changes() -> str:
    asked = ["git", "status", "--porcelain", "--untracked-files=all"]
    return subprocess.run(asked, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.rstrip()


def _alone(settings: LocalSettings) -> int:
    down(settings)  # what a killed rehearsal left
    scene.make_empty(settings)
    scene.enter(settings)
    # After that: Prefect reads its settings when it is imported.
    from tests.rehearsal.page import PlanDiffers
    from tests.rehearsal.rehearsal import rehearse

    opened = scene.opened(settings)
    try:
        return rehearse(opened)
    except PlanDiffers as difference:
        print(f"docs/deploy.md and tests/rehearsal/plan.py differ:\n{difference}", file=sys.stderr)
        return 2
    finally:
        opened.shell.close()
        down(settings)


if __name__ == "__main__":
    sys.exit(main())
