"""`python -m tests.faults`: the fault matrix on a local cloud of its own. `make faults` runs all of it."""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.faults import report
from tests.faults.cloud import one_cloud
from tests.faults.parts import Part, chosen_parts
from tests.faults.results import Results, gather
from tests.faults.runs import ROOT

UNGATHERED = ROOT / ".faults"
"""What clouds have found and nobody has gathered yet, for a campaign that was interrupted."""
CODE = ("contracts", "flows", "jobs", "local", "tasks", "uv.lock", "warehouse")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument(
        "--sample", type=int, help="trials of each matrix, chosen by the code's hash (default: all)"
    )
    parser.add_argument("--only", action="append", help="scenarios or pairs by name (default: all)")
    parser.add_argument("--seconds", type=float, help="start no further trial after so long")
    parser.add_argument(
        "--clouds", type=int, default=1, help="divide the trials among so many local clouds (default: 1)"
    )
    parser.add_argument(
        "--ports", type=int, default=4650, help="the first of the ports (default: %(default)s)"
    )
    parser.add_argument("--state", type=Path, help="keep the clouds and the logs of the runs here")
    parser.add_argument(
        "--results",
        type=Path,
        help="add the results to this file. What it has of the same code is not tried again",
    )
    parser.add_argument("--report", type=Path, help="write the figures into this file")
    return parser.parse_args()


def version() -> str:
    """Of the code that the trials try: documents and tests may change without making a result an old one."""
    asked = ["git", "ls-tree", "HEAD", *CODE]
    trees = subprocess.run(asked, cwd=ROOT, capture_output=True, check=True).stdout
    return hashlib.sha256(trees).hexdigest()


def main() -> int:
    chosen = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    state = chosen.state or Path(tempfile.mkdtemp(prefix="highwater-faults-"))
    state.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    has_every_cloud, results = _rounds(chosen, state, chosen.results or state / "results.jsonl")
    only = chosen.only or ()
    matrices = list(results.matrices.values())
    print(report.summary(matrices, version(), time.monotonic() - began))
    if chosen.report:
        report.write(chosen.report, matrices, version())
    missing = chosen_parts(only, results) if chosen.sample is None else []
    if missing:
        print(report.missing(missing, results.untried))
    is_red = any(m.red or m.missed_bugs for m in matrices if not only or m.scenario in only)
    return 0 if has_every_cloud and not missing and not is_red else 1


def _rounds(chosen: argparse.Namespace, state: Path, together: Path) -> tuple[bool, Results]:
    """Make what is left, up to three times: recordings differ, and a call may be in the share of a part that is done.

    False with the results if a cloud failed.
    """
    kept = state if chosen.state or not chosen.results else UNGATHERED
    kept.mkdir(exist_ok=True)
    until = None if chosen.seconds is None else time.monotonic() + chosen.seconds
    gather(together, sorted(kept.glob("results-*.jsonl")))
    for number in range(1 if chosen.sample is not None else 3):
        parts = chosen_parts(chosen.only or (), Results(version(), together))
        if until is not None:
            chosen.seconds = until - time.monotonic()
        if not parts or (until is not None and chosen.seconds < 0):
            break
        try:
            is_whole = _round(chosen, state / f"round-{number + 1}", kept, together, parts)
        finally:
            gather(together, sorted(kept.glob("results-*.jsonl")))
        if not is_whole:
            return False, Results(version(), together)
    return True, Results(version(), together)


def _round(chosen: argparse.Namespace, state: Path, kept: Path, together: Path, parts: list[Part]) -> bool:
    """Each part on one of the clouds. False if a cloud failed."""
    state.mkdir(exist_ok=True)
    processes = multiprocessing.get_context("spawn")
    manager = processes.Manager()
    left, lock = manager.list(parts), manager.Lock()
    results = [
        Results(version(), kept / f"results-{number}.jsonl", [together]) for number in range(chosen.clouds)
    ]
    clouds = [
        processes.Process(target=one_cloud, args=(chosen, state, each, number, left, lock))
        for number, each in enumerate(results)
    ]
    for cloud in clouds:
        cloud.start()
    try:
        for cloud in clouds:
            cloud.join()
    finally:
        for cloud in clouds:
            cloud.terminate()
            cloud.join()
    return all(cloud.exitcode == 0 for cloud in clouds)


if __name__ == "__main__":
    sys.exit(main())
