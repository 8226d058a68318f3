"""Some of the trials, or all, on a local cloud of their own."""

from __future__ import annotations

import os
import signal
import sys
from argparse import Namespace
from collections.abc import MutableSequence
from contextlib import AbstractContextManager
from pathlib import Path

from local.cloud import down, up
from local.environment import environment
from local.settings import LocalSettings
from tests.faults.campaign import Campaign
from tests.faults.parts import Part, next_part
from tests.faults.results import Results
from tests.faults.runs import Runs

LEASE_SECONDS = 4  # a killed run's work is free for the next one after so long
RETRY_SECONDS = 0.2  # what is tried again need not wait here for a service to recover
OF_TRIALS = {
    "HIGHWATER_LEASE_SECONDS": f"{LEASE_SECONDS}",
    "HIGHWATER_RETRY_SECONDS": f"{RETRY_SECONDS}",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
}
# Services of the Prefect server that no trial needs. The scheduler would start the nightly runs among the trials.
_NOT_NEEDED = (
    *("SCHEDULER", "LATE_RUNS", "FOREMAN", "TRIGGERS", "TASK_RUN_RECORDER", "EVENT_PERSISTER"),
    *("PAUSE_EXPIRATIONS", "CANCELLATION_CLEANUP", "CLEANUP_RECONCILER"),
)
OF_SERVERS = {f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "false" for name in _NOT_NEEDED}


def one_cloud(
    chosen: Namespace,
    state: Path,
    results: Results,
    number: int,
    left: MutableSequence[Part],
    lock: AbstractContextManager[object],
) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # down() is still called
    first = chosen.ports + 10 * number
    ports = {name: first + n for n, name in enumerate(("prefect_port", "aws_port", "snowflake_port"))}
    settings = LocalSettings(state=state / f"cloud-{number}", inbox_listener=False, **ports)
    os.environ.update(OF_SERVERS)
    try:
        up(settings, report=lambda line: print(f"  {line}", flush=True))
        values = {**environment(settings), **OF_TRIALS}
        os.environ.update(values)
        with Runs(values, settings.state / "runs") as runs:
            campaign = Campaign(settings, values, runs, results, chosen.seconds)
            try:
                while part := next_part(left, lock, campaign.prepared):
                    print(f"  cloud {number}: {part}", flush=True)
                    campaign.run(part.names, chosen.sample, part.share)
                    if chosen.sample is None and not campaign.is_over:
                        results.finish(str(part))
            finally:
                campaign.close()
    finally:
        down(settings)
