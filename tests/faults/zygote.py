"""Imports the flows once, then forks a process for each run: a run starts in milliseconds, and can be killed alone.

Reads a request a line from stdin, writes {"pid"} when its run has started and {"pid", "code"} when it has ended. At the end
of stdin it kills the runs that are left. It makes no client and asks for no setting itself, so that each run makes its own
from its own environment.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import sys
import traceback
from importlib import import_module
from typing import Any

from tests import preloaded
from tests.faults import read_once

POLL_SECONDS = 0.02
COMPLETED, FAILED, BROKEN = 0, 1, 2


def main() -> None:
    flows = _flows()
    gc.collect()
    gc.freeze()
    _say({"ready": True})
    running: set[int] = set()
    while True:
        readable, _, _ = select.select([sys.stdin.buffer.raw], [], [], POLL_SECONDS)
        if readable:
            line = _line()
            if not line:
                for pid in running:
                    os.kill(pid, signal.SIGKILL)
                return
            pid = _fork(json.loads(line), flows)
            running.add(pid)
            _say({"pid": pid})
        for pid in list(running):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                running.remove(pid)
                _say({"pid": pid, "code": os.waitstatus_to_exitcode(status)})


def _flows() -> dict[str, Any]:
    """Also what is imported in a run: Prefect's collections, for the block of its results, and others."""
    from prefect._internal.plugins.collections import load_prefect_collections

    from flows.cpg_backfill import cpg_backfill
    from flows.cpg_daily import cpg_daily
    from flows.cpg_replay import cpg_replay
    from flows.demand_forecast import demand_forecast
    from flows.model_drift import model_drift

    load_prefect_collections()
    for name in preloaded.MODULES:
        import_module(name)
    read_once.read_all()
    return {
        flow.fn.__name__: flow for flow in (cpg_daily, cpg_backfill, cpg_replay, demand_forecast, model_drift)
    }


def _fork(request: dict[str, Any], flows: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = BROKEN
    try:
        log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        os.environ.update(request["environment"])
        state = flows[request["flow"]](**request["arguments"], return_state=True)
        code = COMPLETED if state.is_completed() else FAILED
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        os._exit(code)


def _line() -> bytes:
    """A byte at a time, because what a buffer holds select does not see."""
    line = b""
    while (byte := os.read(0, 1)) and byte != b"\n":
        line += byte
    return line


def _say(what: dict[str, Any]) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    main()
