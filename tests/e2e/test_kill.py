"""kill -9 between any two steps, then run again: the same end as a run that nobody disturbed, and no job twice."""

from __future__ import annotations

import signal
from datetime import date, timedelta
from typing import Any

import pytest

from tasks import aws
from tests.e2e.deliveries import deliver, sale
from tests.e2e.world import World

DAY = date(2025, 1, 6)
NEXT = DAY + timedelta(days=1)

# Where, before or after, at which call; the last two say how many job runs the day may take in all.
DEATHS = [
    ("tasks.external_jobs:_wait", "before", 1, 1),  # the job has been started, nobody waits for it any more
    ("tasks.landing:write_manifest", "after", 1, 1),  # the ledger row is there, the job is not started
    ("tasks.publication:quarantine", "after", 1, 1),
    ("tasks.monitoring:record_quality", "after", 1, 1),
    ("tasks.lake:_commit", "after", 2, 1),  # quarantine and rows are committed, nobody was told
    ("tasks.warehouse:execute", "after", 3, 1),  # staged, nothing merged
    ("tasks.warehouse:execute", "after", 9, 1),  # merged, figures that depend on it not yet recomputed
    ("tasks.warehouse:refresh_marts", "before", 1, 1),
    ("tasks.monitoring:record_datasets", "before", 1, 1),
]


def deliver_both_days() -> None:
    """The second day corrects a line of the first one and moves it to another region."""
    deliver(
        "sales",
        DAY,
        [sale(f"O{n}", DAY, 100 + n) for n in range(5)] + [sale("O9", DAY, 10, region_code="SOUTH")],
    )
    deliver(
        "sales",
        NEXT,
        [
            sale("O1", DAY, 900, changed_at=f"{NEXT} 09:00:00", region_code="SOUTH"),
            sale("O6", NEXT, 60),
            sale("O7", NEXT, "x"),
        ],
    )


def job_runs() -> list[dict[str, Any]]:
    return [dict(run) for run in aws.glue().get_job_runs(JobName="highwater-curate")["JobRuns"]]


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, dict[str, list[str]]]:
    return {}


@pytest.mark.parametrize(("target", "when", "nth", "runs"), DEATHS)
def test_a_killed_day_ends_as_an_undisturbed_one(
    world: World, undisturbed: dict[str, Any], target: str, when: str, nth: int, runs: int
) -> None:
    deliver_both_days()
    assert world.daily(DAY).is_completed()
    if not undisturbed:
        assert world.daily(NEXT).is_completed()
        undisturbed.update(world.state())
        world.empty()
        deliver_both_days()
        assert world.daily(DAY).is_completed()
    before = {run["Id"] for run in job_runs()}

    arranged = f"from tests.e2e import death; death.arrange({target!r}, {when!r}, {nth})"
    assert world.daily_in_process(NEXT, arranged) == -signal.SIGKILL
    assert world.daily(NEXT).is_completed()

    assert world.state() == undisturbed
    assert world.last_run()[:4] == (3, 2, 0, 1)
    assert len(world.quarantine()) == 1
    assert world.one("SELECT COUNT(*) FROM CURATED.SALES_TOUCHED") == 0
    started = [run for run in job_runs() if run["Id"] not in before]
    assert all(run["JobRunState"] == "SUCCEEDED" for run in started)
    # Once the rows are published, the same day is a new question: it may be asked again, and changes nothing.
    published_before_death = target.startswith(
        ("tasks.lake", "tasks.warehouse", "tasks.monitoring:record_datasets")
    )
    assert len(started) <= runs + published_before_death
