"""`tills.sales` beside `cpg.sales`, through the same house: curated, audited, published, loaded, quarantined, replayed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from prefect import flow

from contracts.catalog import DATASETS
from flows.write_audit_publish import process
from tasks.intake.intake_steps import preflight
from tasks.intake.landing import Slice
from tasks.publishing import quarantine, replay
from tasks.runs.run import Run, guarded
from tests.e2e import tills
from tests.e2e.deliveries import deliver, put, sale
from tests.e2e.world import OPEN, World

DAY = date(2025, 1, 6)
NAME = "tills_sales"


@pytest.fixture(autouse=True)
def another_domain(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(DATASETS, NAME, tills.SALES)
    monkeypatch.setitem(sys.modules, "warehouse.load.tills", tills.load_module())
    world.sql(tills.MIGRATION)
    yield
    world.sql("DROP TABLE DW.FACT_TILLS_SALES")


def line(receipt: str, number: int, amount: float | str, **values: Any) -> dict[str, Any]:
    return {"receipt_id": receipt, "line": number, "sold_on": DAY, "amount": amount, "units": 2, **values}


@flow(name="tills-daily")
def tills_daily(day: date) -> None:
    run = Run("tills-daily", day, day)
    with guarded(run):
        process(run, preflight([NAME], day, day), OPEN)


@flow(name="tills-replay")
def tills_replay(day: date, mended: str) -> None:
    run = Run("tills-replay", day, day)
    with guarded(run):
        gathered: Slice = replay.gather(NAME, day, day, mended)
        for curated in process(run, [gathered], OPEN):
            quarantine.settle(curated, run.run_id)


def test_a_new_domain_goes_all_the_way_and_leaves_the_first_alone(world: World) -> None:
    deliver("sales", DAY, [sale("O1", DAY, 10)])
    assert world.daily(DAY).is_completed()
    before = world.state()

    deliver(NAME, DAY, [line("R1", 1, 10), line("R1", 2, 7, units=None), line("R2", 1, "12,50")])
    deliver(NAME, DAY + timedelta(days=1), [line("R1", 1, 12, units=3)])  # corrects the day before
    for day in (DAY, DAY + timedelta(days=1)):
        tills_daily(day)
    assert facts(world) == [("R1", 1, 12.0, 3, 4.0), ("R1", 2, 7.0, None, None)]
    (broken,) = world.quarantine(NAME)
    assert (broken["receipt_id"], broken["reasons"]) == ("R2", ["amount:type"])

    put("mended/tills.csv", f"row_id,amount\n{broken['row_id']},12.50\n".encode())
    tills_replay(DAY, "s3://highwater-lake/mended/tills.csv")
    assert facts(world)[-1] == ("R2", 1, 12.5, 2, 6.25)
    assert world.quarantine(NAME) == []
    tills_daily(DAY)  # again: its raw file is as broken as before
    assert len(facts(world)) == 3

    sums = world.sql(
        "SELECT rows_raw, rows_published, rows_superseded, rows_quarantined FROM MONITORING.RUN_DATASETS"
        f" WHERE dataset = '{NAME}' AND run_date = '{DAY}' ORDER BY started_at LIMIT 1"
    )
    assert [list(row.values()) for row in sums] == [[3, 2, 0, 1]]
    assert world.state() == before


def facts(world: World) -> list[tuple[Any, ...]]:
    rows = world.sql(
        "SELECT receipt_id, line, amount::DOUBLE AS amount, units, price FROM DW.FACT_TILLS_SALES ORDER BY 1, 2"
    )
    return [tuple(row.values()) for row in rows]
