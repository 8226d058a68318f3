"""Runs of flows in processes of their own, forked from one that has imported everything."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[2]
_PATIENCE_SECONDS = 240.0


@dataclass(frozen=True)
class Spec:
    """Which flow, and with what."""

    flow: str
    arguments: Mapping[str, Any]


@dataclass
class Run:
    spec: Spec
    pid: int
    log: Path
    _ended: queue.Queue[int] = field(repr=False)

    def wait(self, seconds: float = _PATIENCE_SECONDS) -> int:
        """0: completed, 1: failed, -9: killed."""
        try:
            return self._ended.get(timeout=seconds)
        except queue.Empty:
            os.kill(self.pid, 9)
            raise TimeoutError(
                f"{self.spec} had not ended after {seconds:.0f} s; its log: {self.log}"
            ) from None

    def ended(self) -> int | None:
        """Its exit code, where it has ended."""
        with contextlib.suppress(queue.Empty):
            code = self._ended.get_nowait()
            self._ended.put(code)
            return code
        return None


class Runs:
    """Starts runs until it is closed."""

    def __init__(self, environment: Mapping[str, str], logs: Path) -> None:
        self._logs = logs
        logs.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.zygote"],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._started: queue.Queue[int] = queue.Queue()
        self._ends: defaultdict[int, queue.Queue[int]] = defaultdict(queue.Queue)
        self._number = 0
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, name="runs", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        if not self._ready.wait(_PATIENCE_SECONDS):
            raise TimeoutError("the flows could not be imported: see above")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(10)

    def start(self, spec: Spec, environment: Mapping[str, str]) -> Run:
        with self._lock:
            self._number += 1
            log = self._logs / f"{self._number:05d}-{spec.flow}.log"
            request = {
                "flow": spec.flow,
                "arguments": dict(spec.arguments),
                "environment": dict(environment),
                "log": str(log),
            }
            assert self._process.stdin
            self._process.stdin.write(json.dumps(request, default=str).encode() + b"\n")
            self._process.stdin.flush()
            pid = self._started.get(timeout=_PATIENCE_SECONDS)
            return Run(spec, pid, log, self._ends[pid])

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            said = json.loads(line)
            if "ready" in said:
                self._ready.set()
            elif "code" in said:
                self._ends[said["pid"]].put(said["code"])
            else:
                self._ends.pop(said["pid"], None)
                self._started.put(said["pid"])
