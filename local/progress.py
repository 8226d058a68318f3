"""Print one line per step, with the time since the start."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

Report = Callable[[str], None]


def timed_lines() -> Report:
    started = time.monotonic()
    lock = threading.Lock()

    def report(line: str) -> None:
        with lock:
            print(f"{time.monotonic() - started:6.1f} s  {line}", file=sys.stderr, flush=True)

    return report


def silent(_: str) -> None:
    return
