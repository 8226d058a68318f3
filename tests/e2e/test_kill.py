"""kill -9 between any two steps, then run again: the same end as a run that nobody disturbed, and no job twice."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest

from local.cloud import Cloud
from tasks.services import aws
from tests.e2e.deliveries import deliver, masters, put, sale
from tests.e2e.world import World
from tests.faults.state import CloudState, Saved

DAY = date(2025, 1, 6)
NEXT = DAY + timedelta(days=1)

# Where, before or after, at which call; the last two say how many job runs the day may take in all.
DEATHS = [
    (
        "tasks.jobs.external_jobs:_wait",
        "before",
        1,
        1,
    ),  # the job has been started, nobody waits for it any more
    ("tasks.intake.landing:write_manifest", "after", 1, 1),  # the ledger row is there, the job is not started
    ("tasks.publishing.quarantine:put_aside", "after", 1, 1),
    ("tasks.runs.monitoring:record_datasets", "after", 1, 1),  # judged, on record, not yet published
    ("tasks.runs.monitoring:record_quality", "after", 1, 1),
    ("tasks.lake.lake_commits:_commit", "after", 2, 1),  # quarantine and rows are committed, nobody was told
    ("tasks.warehouse.warehouse_load:execute", "after", 3, 1),  # staged, nothing merged
    (
        "tasks.warehouse.warehouse_load:execute",
        "after",
        9,
        1,
    ),  # merged, figures that depend on it not yet recomputed
    ("tasks.warehouse.warehouse_marts:refresh_marts", "before", 1, 1),
    ("tasks.runs.monitoring:record_datasets", "before", 2, 1),
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


@dataclass(frozen=True)
class FirstDay:
    """The state of the cloud after the first day, and what its tables hold when the second one ends undisturbed."""

    cloud: CloudState
    after: Saved
    undisturbed: dict[str, list[str]]

    def put_back(self) -> None:
        self.cloud.put_back(self.after)


@pytest.fixture(scope="module")
def first_day(cloud: Cloud) -> Iterator[FirstDay]:
    world = World(cloud)
    world.empty()
    deliver_both_days()
    assert world.daily(DAY).is_completed()
    state = CloudState(cloud.settings)
    after = state.save("first_day")
    assert world.daily(NEXT).is_completed()
    yield FirstDay(state, after, world.state())
    state.close()


@pytest.mark.parametrize(("target", "when", "nth", "runs"), DEATHS)
def test_a_killed_day_ends_as_an_undisturbed_one(
    first_day: FirstDay, world: World, target: str, when: str, nth: int, runs: int
) -> None:
    first_day.put_back()
    before = {run["Id"] for run in job_runs()}

    arranged = f"from tests.e2e import death; death.arrange({target!r}, {when!r}, {nth})"
    assert world.daily_in_process(NEXT, arranged) == -signal.SIGKILL
    assert world.daily(NEXT).is_completed()

    assert world.state() == first_day.undisturbed
    assert world.last_run()[:4] == (3, 2, 0, 1)
    assert len(world.quarantine()) == 1
    assert world.one("SELECT COUNT(*) FROM CURATED.SALES_TOUCHED") == 0
    started = [run for run in job_runs() if run["Id"] not in before]
    assert all(run["JobRunState"] == "SUCCEEDED" for run in started)
    # Once the rows are published, the same day is a new question: it may be asked again, and changes nothing.
    published_before_death = target.startswith(("tasks.lake", "tasks.warehouse")) or (
        target == "tasks.runs.monitoring:record_datasets" and nth == 2
    )
    assert len(started) <= runs + published_before_death


def test_two_dates_at_once_end_as_one_after_the_other(first_day: FirstDay, world: World) -> None:
    """Both build on the same snapshot: who is outrun curates anew on what the other has published."""
    deliver_both_days()
    with ThreadPoolExecutor() as pool:
        assert list(pool.map(world.daily_in_process, (DAY, NEXT))) == [0, 0]
    assert world.state() == first_day.undisturbed
    facts = world.sql(
        "SELECT order_id, net_revenue FROM DW.FACT_SALES WHERE order_id IN ('O1', 'O6') ORDER BY 1"
    )
    assert [(r["ORDER_ID"], float(r["NET_REVENUE"])) for r in facts] == [("O1", 900.0), ("O6", 60.0)]
    assert world.one("SELECT COUNT(*) FROM DW.FACT_SALES") == 7
    assert {r["STATUS"] for r in world.sql("SELECT status FROM MONITORING.PIPELINE_RUNS")} == {"COMPLETED"}


def test_killed_between_the_commits_of_two_datasets(world: World) -> None:
    sources = ("sales", "masters")
    deliver_both_days()
    masters(DAY)
    death = "from tests.e2e import death; death.arrange('tasks.publishing.publication:publish', 'after', 1)"
    assert world.daily_in_process(DAY, death, sources) == -signal.SIGKILL
    assert world.daily(DAY, sources).is_completed()
    assert {r["DATASET"]: r["ROWS_PUBLISHED"] for r in world.runs()} == {
        "sales": 6,
        "sku": 2,
        "geography": 2,
        "customer": 1,
    }
    assert world.one("SELECT COUNT(*) FROM DW.FACT_SALES") == 6
    assert world.one("SELECT COUNT(*) FROM DW.DIM_SKU WHERE NOT is_inferred") == 2


def test_killed_between_two_chunks_of_a_backfill(first_day: FirstDay, world: World) -> None:
    deliver_both_days()
    call = (
        f"cpg_backfill(start_date=date.fromisoformat('{DAY}'), end_date=date.fromisoformat('{NEXT}'), "
        "sources=['sales'], quality=OPEN, chunk_days=1)"
    )
    death = "from tests.e2e import death; death.arrange('flows.cpg_backfill:process', 'after', 1)"
    assert world.in_process(call, death) == -signal.SIGKILL
    assert world.one("SELECT COUNT(*) FROM DW.FACT_SALES") == 6  # the first chunk stands
    assert world.backfill(DAY, NEXT, days=1).is_completed()
    assert world.state() == first_day.undisturbed
    assert world.one("SELECT COUNT(*) FROM DW.FACT_SALES") == 7
    assert [(row["order_id"], row["raw_date"]) for row in world.quarantine()] == [("O7", NEXT)]


@pytest.mark.parametrize(
    ("target", "nth"), [("tasks.lake.lake_commits:_commit", 1), ("tasks.lake.lake_commits:_commit", 2)]
)
def test_a_killed_replay_is_repeated_harmlessly(world: World, target: str, nth: int) -> None:
    """Killed when its rows are published, or when they have left quarantine, and nobody was told."""
    deliver("sales", DAY, [sale("O1", DAY, 10), sale("O2", DAY, "12,50"), sale("O3", DAY, "x")])
    assert world.daily(DAY).is_completed()
    broken = {row["order_id"]: row["row_id"] for row in world.quarantine()}
    put("mended/sales.csv", f"row_id,net_revenue\n{broken['O2']},12.50\n".encode())
    day = f"date.fromisoformat('{DAY}')"
    call = f"cpg_replay(dataset='sales', start_date={day}, end_date={day}, mended='s3://highwater-lake/mended/sales.csv')"
    death = f"from tests.e2e import death; death.arrange({target!r}, 'after', {nth})"
    assert world.in_process(call, death) == -signal.SIGKILL
    assert world.in_process(call) == 0
    facts = world.sql("SELECT order_id, net_revenue FROM DW.FACT_SALES ORDER BY 1")
    assert [(r["ORDER_ID"], float(r["NET_REVENUE"])) for r in facts] == [("O1", 10.0), ("O2", 12.5)]
    assert [row["order_id"] for row in world.quarantine()] == ["O3"]
    assert world.one("SELECT COUNT(*) FROM MONITORING.PIPELINE_RUNS WHERE status = 'COMPLETED'") == 2
