"""One bash for all commands, as the page asks for: what one exports or defines the next ones find."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

LINES_SHOWN = 15


class CommandFailed(Exception):
    """A command ended with another exit code than 0, or not in time. The message ends with what it wrote."""


class Shell:
    def __init__(self, directory: Path, environment: Mapping[str, str], scratch: Path) -> None:
        scratch.mkdir(parents=True, exist_ok=True)
        self._script, self._output = scratch / "command.sh", scratch / "command.out"
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-u", "-o", "pipefail"],
            cwd=directory,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, command: str, seconds: float) -> str:
        """What it wrote. It gets no standard input: who would ask for something fails instead of waiting."""
        code, output = self.try_to_run(command, seconds)
        if code:
            raise CommandFailed(f"exit code {code} of\n  {command}\n{_end_of(output)}")
        return output

    def try_to_run(self, command: str, seconds: float) -> tuple[int, str]:
        """Also its exit code."""
        self._script.write_text(f"{command}\n")
        assert self._bash.stdin
        self._bash.stdin.write(f". '{self._script}' </dev/null >'{self._output}' 2>&1; echo $?\n")
        self._bash.stdin.flush()
        answer = self._answer(time.monotonic() + seconds)
        output = self._output.read_text(errors="replace")
        if answer is None:
            self.close()
            raise CommandFailed(
                f"not within {seconds:.0f} s, or it ended the shell:\n  {command}\n{_end_of(output)}"
            )
        return int(answer), output.strip()

    def _answer(self, deadline: float) -> str | None:
        assert self._bash.stdout
        with selectors.DefaultSelector() as selector:
            selector.register(self._bash.stdout, selectors.EVENT_READ)
            if not selector.select(max(0, deadline - time.monotonic())):
                return None
        return self._bash.stdout.readline().strip() or None

    def close(self) -> None:
        """With whatever it still runs."""
        if self._bash.poll() is None:
            os.killpg(self._bash.pid, signal.SIGKILL)
        self._bash.wait()


def _end_of(output: str) -> str:
    return "\n".join(f"    {line}" for line in output.splitlines()[-LINES_SHOWN:])
