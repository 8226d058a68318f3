"""`python -m tests.faults`: the fault matrix on a local cloud of its own. `make faults` runs all of it."""

from __future__ import annotations

import argparse
import multiprocessing
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.faults import report
from tests.faults.cloud import one_cloud
from tests.faults.results import Results, Share, joined
from tests.faults.runs import ROOT


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument(
        "--sample", type=int, help="trials of each matrix, chosen by the commit's hash (default: all)"
    )
    parser.add_argument("--only", action="append", help="scenarios or pairs by name (default: all)")
    parser.add_argument("--seconds", type=float, help="start no further trial after so long")
    parser.add_argument(
        "--clouds", type=int, default=1, help="divide the trials among so many local clouds (default: 1)"
    )
    parser.add_argument(
        "--ports", type=int, default=4650, help="the first of the ports (default: %(default)s)"
    )
    parser.add_argument(
        "--state",
        type=Path,
        help="keep the clouds, the logs of the runs and the results here. What the same commit has tried is not tried again",
    )
    parser.add_argument("--report", type=Path, help="write the figures into this file")
    return parser.parse_args()


def commit() -> str:
    asked = ["git", "rev-parse", "HEAD"]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def main() -> int:
    chosen = arguments()
    state = chosen.state or Path(tempfile.mkdtemp(prefix="highwater-faults-"))
    state.mkdir(parents=True, exist_ok=True)
    shares = [
        Results(commit(), state / f"results-{number}.jsonl", Share(number, chosen.clouds))
        for number in range(chosen.clouds)
    ]
    began = time.monotonic()
    clouds = [
        multiprocessing.get_context("spawn").Process(target=one_cloud, args=(chosen, state, share, number))
        for number, share in enumerate(shares)
    ]
    for cloud in clouds:
        cloud.start()
    for cloud in clouds:
        cloud.join()
    found = joined(Results(commit(), state / f"results-{number}.jsonl") for number in range(chosen.clouds))
    print(report.summary(found, commit(), time.monotonic() - began))
    if chosen.report:
        report.write(chosen.report, found, commit())
    is_whole = all(cloud.exitcode == 0 for cloud in clouds)
    return 0 if is_whole and not any(matrix.red for matrix in found) else 1


if __name__ == "__main__":
    sys.exit(main())
