"""Some trials of the fault matrix, others with each commit, and all that ever found a bug. `make faults` makes all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.cloud import Cloud
from tests.faults.__main__ import version
from tests.faults.campaign import Campaign
from tests.faults.cloud import OF_TRIALS
from tests.faults.matrix import found
from tests.faults.results import Results
from tests.faults.runs import Runs

SAMPLE = 4
SECONDS = 240.0


@pytest.fixture
def results() -> Results:
    return Results(version())


@pytest.fixture
def campaign(cloud: Cloud, results: Results, tmp_path: Path) -> Iterator[Campaign]:
    environment = {
        **cloud.environment,
        **OF_TRIALS,
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
    }
    with Runs(environment, tmp_path / "runs") as runs:
        planned = Campaign(cloud.settings, environment, runs, results, SECONDS)
        yield planned
        planned.close()


def test_no_fault_changes_what_the_tables_hold(campaign: Campaign, results: Results) -> None:
    campaign.run(["cpg_daily", "load+load"], SAMPLE)
    tried = [
        plan for matrix in results.matrices.values() for plan, result in matrix.results if result.reached
    ]
    assert all(any(plan.is_like(known) for plan in tried) for known in found())
    red = {
        str(plan): result.differences for matrix in results.matrices.values() for plan, result in matrix.red
    }
    assert red == {}
    # Neither scenario has steps side by side, so each call comes every time.
    assert [plan for matrix in results.matrices.values() for plan in matrix.unreached] == []
