"""Python text in a process of its own, with the flows imported already.

Their imports cost ten CPU seconds, more than what most such processes do. A server that has imported them and does nothing
else (multiprocessing's) forks for each: its children start as a new process does after its imports, and die as it does.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
import tempfile
import traceback
from pathlib import Path

from tests import preloaded

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(
    [
        *("flows.cpg_backfill", "flows.cpg_daily", "flows.cpg_replay", "flows.demand_forecast"),
        *("flows.customer_churn", "tests.e2e.world", *preloaded.MODULES),
    ]
)


def run(text: str, environment: dict[str, str], directory: Path, seconds: float) -> tuple[int, str]:
    """Its exit code, negative for a signal, and what it wrote."""
    with tempfile.NamedTemporaryFile("r") as output:
        process = _PROCESSES.Process(target=_execute, args=(text, environment, directory, output.name))
        process.start()
        process.join(seconds)
        if process.exitcode is None:
            os.kill(process.pid or 0, signal.SIGKILL)
            process.join()
            raise TimeoutError(f"after {seconds} s:\n{output.read()}")
        return process.exitcode, output.read()


def _execute(text: str, environment: dict[str, str], directory: Path, output: str) -> None:
    with Path(output).open("w") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    random.seed()  # as no two processes have it alike
    try:
        exec(text, {"__name__": "__main__"})
    except BaseException:
        traceback.print_exc()
        raise
