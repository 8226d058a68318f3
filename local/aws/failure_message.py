"""Extract a one-line failure message from the tail of a process's log."""

from __future__ import annotations

import re
import signal
from pathlib import Path

TAIL_BYTES = 64 * 1024
MESSAGE_LIMIT = 1000
MESSAGE_LINES = 6
TRACEBACK = "Traceback (most recent call last):"
JVM_FRAME = re.compile(r"^\s+(at |\.\.\. \d+ more)|^JVM stacktrace:|^Driver stacktrace:|^Caused by:")


def failure_message(log: Path, exit_code: int) -> str:
    lines = tail(log).splitlines()
    message = exception_message(lines)
    if message is None:
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        message = f"{ended_how(exit_code)}{f': {last}' if last else ', and wrote nothing'}"
    return message[:MESSAGE_LIMIT]


def tail(log: Path) -> str:
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES))
        return file.read().decode(errors="replace")


def exception_message(lines: list[str]) -> str | None:
    """The exception of the last Python traceback, without Python frames and JVM stack traces."""
    starts = [number for number, line in enumerate(lines) if line.strip() == TRACEBACK]
    if not starts:
        return None
    indent = len(lines[starts[-1]]) - len(lines[starts[-1]].lstrip())
    after = [line[indent:] for line in lines[starts[-1] + 1 :]]
    first = next((number for number, line in enumerate(after) if line and not line[0].isspace()), None)
    if first is None:
        return None
    message: list[str] = []
    for line in after[first : first + MESSAGE_LINES]:
        if JVM_FRAME.match(line) or (message and not line.strip()):
            break
        message.append(line.strip())
    return " ".join(message)


def ended_how(exit_code: int) -> str:
    if exit_code >= 0:
        return f"the script ended with exit code {exit_code}"
    try:
        name = signal.Signals(-exit_code).name
    except ValueError:
        name = str(-exit_code)
    return f"the script was killed by {name}"
