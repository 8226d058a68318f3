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
    state = chosen.state or Path(tempfile.mkdtemp(prefix="highwater-faults-"))
    state.mkdir(parents=True, exist_ok=True)
    together = chosen.results or state / "results.jsonl"
    began = time.monotonic()
    is_whole, results = _rounds(chosen, state, together)
    found = list(results.matrices.values())
    print(report.summary(found, version(), time.monotonic() - began))
    if chosen.report:
        report.write(chosen.report, found, version())
    missing = chosen_parts(chosen.only or (), results) if chosen.sample is None else []
    if missing:
        print(report.missing(missing, results.untried))
    is_red = any(matrix.red or matrix.missed_bugs for matrix in found)
    return 0 if is_whole and not missing and not is_red else 1


def _rounds(chosen: argparse.Namespace, state: Path, together: Path) -> tuple[bool, Results]:
    """Recordings of a run differ: a call that one part alone has recorded may be in the share of another that is done."""
    files = [state / f"results-{number}.jsonl" for number in range(chosen.clouds)]
    rounds = 1 if chosen.sample is not None else 3
    until = time.monotonic() + (chosen.seconds or float("inf"))
    while True:
        gather(together, files)
        results = Results(version(), together)
        parts = chosen_parts(chosen.only or (), results)
        if not parts or not rounds or time.monotonic() > until:
            return True, results
        rounds -= 1
        if not _round(chosen, state, files, together, parts):
            gather(together, files)
            return False, Results(version(), together)


def _round(
    chosen: argparse.Namespace, state: Path, files: list[Path], together: Path, parts: list[Part]
) -> bool:
    """Each part on one of the clouds. False if a cloud failed."""
    processes = multiprocessing.get_context("spawn")
    manager = processes.Manager()
    left, lock = manager.list(parts), manager.Lock()
    clouds = [
        processes.Process(
            target=one_cloud,
            args=(chosen, state, Results(version(), file, [together]), number, left, lock),
        )
        for number, file in enumerate(files)
    ]
    for cloud in clouds:
        cloud.start()
    signal.signal(signal.SIGTERM, lambda *_: [cloud.terminate() for cloud in clouds])
    for cloud in clouds:
        cloud.join()
    return all(cloud.exitcode == 0 for cloud in clouds)


if __name__ == "__main__":
    sys.exit(main())
