"""The very first `make demo`, when there is no .local yet."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from local.environment import process_environment
from local.settings import REPOSITORY, LocalSettings

SCRIPT = """
import contextlib, sys
from local import cli, demo_data

class Reached(SystemExit):
    pass

def up(settings, report):
    settings.prefect_state.mkdir(parents=True)  # as the start-up does

cli.up = up
demo_data.preparing = lambda data, cache: contextlib.nullcontext()
import importlib.abc
class Stop(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "local.demo":
            import prefect  # what the demo imports
            raise Reached(7)

sys.meta_path.insert(0, Stop())
cli.main(["demo"])
"""


def test_prefect_finds_its_home(tmp_path: Path) -> None:
    """Imported before `up` has made .local, it warns as the first line that a new user sees."""
    settings = LocalSettings(state=tmp_path / "not" / "there" / "yet")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=REPOSITORY,
        env=process_environment(settings),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 7, done.stderr
    assert "home directory" not in done.stdout + done.stderr
