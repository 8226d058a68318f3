"""`make rehearse`: the first deployment of docs/deploy.md, command by command, against a local cloud of its own.

Ends with a table of what was done, what only a real account can do, and what each step showed. Exit code 1 if a step failed,
2 if the page has commands that the plan does not know.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from local.cloud import down
from local.settings import LocalSettings
from tests.rehearsal import scene

# Of the programs that the page takes for granted.
NEEDED = ("aws", "openssl", "shred", "curl", "git", "make")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.rehearsal", description=__doc__)
    parser.add_argument("--ports", type=int, default=4690, help="the first of five ports")
    parser.add_argument(
        "--state", type=Path, help="folder of the cloud, kept for a look; a temporary one if not given"
    )
    given = parser.parse_args()
    if missing := [program for program in NEEDED if not shutil.which(program)]:
        print(f"docs/deploy.md needs {', '.join(missing)}, and this machine has none", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # down() is still called
    if given.state:
        return _in(given.state, given.ports)
    with tempfile.TemporaryDirectory(prefix="highwater-rehearsal-") as state:
        return _in(Path(state), given.ports)


def _in(state: Path, ports: int) -> int:
    names = ("prefect_port", "aws_port", "snowflake_port", "listener_port")
    numbers = {name: ports + number for number, name in enumerate(names)}
    settings = LocalSettings(state=state, inbox_listener=False, **numbers)
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
        os.chdir(scene.ROOT)
        opened.shell.close()
        down(settings)


if __name__ == "__main__":
    sys.exit(main())
