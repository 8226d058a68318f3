"""`python -m tests.faults`: the fault matrix on a local cloud of its own. `make faults` runs all of it."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.cloud import down, up
from local.environment import environment
from local.settings import LocalSettings
from tests.faults import report
from tests.faults.campaign import Campaign
from tests.faults.runs import ROOT, Runs

LEASE_SECONDS = 4  # a killed run's work is free for the next one after so long


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument(
        "--sample", type=int, help="trials of each matrix, chosen by the commit's hash (default: all)"
    )
    parser.add_argument("--only", action="append", help="scenarios or pairs by name (default: all)")
    parser.add_argument("--seconds", type=float, help="start no further trial after so long")
    parser.add_argument(
        "--ports", type=int, default=4650, help="the first of three ports (default: %(default)s)"
    )
    parser.add_argument("--state", type=Path, help="keep the cloud and the logs of the runs here")
    parser.add_argument(
        "--attach", action="store_true", help="use the cloud that already runs on these ports"
    )
    parser.add_argument("--report", type=Path, help="write the figures into this file")
    return parser.parse_args()


@contextmanager
def _cloud(settings: LocalSettings, attach: bool) -> Iterator[None]:
    if attach:
        yield
        return
    up(settings, report=lambda line: print(f"  {line}", flush=True))
    try:
        yield
    finally:
        down(settings)


def commit() -> str:
    asked = ["git", "rev-parse", "HEAD"]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def main() -> int:
    chosen = arguments()
    state = chosen.state or Path(tempfile.mkdtemp(prefix="highwater-faults-"))
    ports = {name: chosen.ports + n for n, name in enumerate(("prefect_port", "aws_port", "snowflake_port"))}
    settings = LocalSettings(state=state, **ports)
    began = time.monotonic()
    with _cloud(settings, chosen.attach):
        values = {
            **environment(settings),
            "HIGHWATER_LEASE_SECONDS": f"{LEASE_SECONDS}",
            "PREFECT_LOGGING_TO_API_ENABLED": "false",
        }
        os.environ.update(values)
        with Runs(values, state / "runs") as runs:
            campaign = Campaign(settings, values, runs, commit())
            try:
                campaign.run(chosen.only, chosen.sample, chosen.seconds)
            finally:
                campaign.close()
    seconds = time.monotonic() - began
    print(report.summary(campaign, seconds))
    if chosen.report:
        report.write(chosen.report, campaign, seconds)
    return 0 if campaign.is_green else 1


if __name__ == "__main__":
    sys.exit(main())
