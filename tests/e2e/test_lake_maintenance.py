"""The lake is tidied between days: what comes after ends as in a world in which nobody tidied."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from flows import lake_maintenance as flow
from tasks.lake import lake_log, lake_tables
from tasks.maintenance import compaction
from tasks.maintenance.compaction import Sizes
from tasks.services import aws
from tests.e2e.deliveries import BUCKET, deliver, everything_but_sales, sale
from tests.e2e.world import World

DAY = date(2025, 1, 6)
NEXT, THIRD = DAY + timedelta(days=1), DAY + timedelta(days=2)
SOURCES = ("sales", "promotions")
TABLES = ["curated.sales", "curated.promotions", "quarantine.sales"]


def deliver_first_days() -> None:
    everything_but_sales(DAY)
    deliver("sales", DAY, [sale("O1", DAY, 100), sale("O2", DAY, 5), sale("O3", DAY, "12,50")])
    deliver("sales", NEXT, [sale("O4", NEXT, 40), sale("O1", DAY, 110, changed_at=f"{NEXT} 09:00:00")])


def deliver_later_days() -> None:
    """A third day corrects a line of the first, and the first is delivered again: a line more, one of them mended."""
    deliver("sales", THIRD, [sale("O2", DAY, 6, changed_at=f"{THIRD} 09:00:00"), sale("O5", THIRD, "x")])
    again = [sale("O1", DAY, 100), sale("O2", DAY, 5), sale("O3", DAY, 12.5), sale("O6", DAY, 60)]
    deliver("sales", DAY, again)


def undisturbed(world: World) -> tuple[Any, Any]:
    """What is delivered in the end, in one job and one publication."""
    deliver_first_days()
    deliver_later_days()
    assert world.backfill(DAY, THIRD, SOURCES).is_completed()
    return world.state(), broken(world)


def broken(world: World) -> list[tuple[str, str]]:
    return [(row["order_id"], row["net_revenue"]) for row in world.quarantine()]


def tidy(monkeypatch: pytest.MonkeyPatch, days_later: int, **parameters: Any) -> dict[str, Any]:
    """As if it were so many days later."""
    with monkeypatch.context() as patch:
        patch.setattr(flow, "now", lambda: datetime.now(UTC) + timedelta(days=days_later))
        state: Any = flow.lake_maintenance(
            **{"keep_days": 1, "keep_snapshots": 1, "tables": TABLES, **parameters}, return_state=True
        )
    assert state.is_completed(), state.message
    return dict(state.result())


def snapshots(table: str) -> int:
    found = lake_tables.load(*table.split("."))
    assert found
    return len(found.snapshots())


def test_days_after_a_maintenance_end_as_without_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = undisturbed(world)
    world.empty()
    monkeypatch.setattr(compaction, "SIZES", Sizes(fewest=2))
    deliver_first_days()
    for day in (DAY, NEXT):
        assert world.daily(day, SOURCES).is_completed()
    left = f"curated/sales/data/{'0' * 24}-00000000-1/published/part-0.parquet"
    aws.s3().put_object(Bucket=BUCKET, Key=left, Body=b"of a killed attempt")
    before = world.state()

    def lake() -> set[str]:
        pages = aws.s3().get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return {o["Key"] for page in pages for o in page.get("Contents", [])}

    objects = lake()
    dry = tidy(monkeypatch, 20, dry_run=True)
    assert dry["summary"].startswith("would be: 3 tables: ")
    assert {key for key in lake() - objects if not key.startswith("runs/records/")} == set()

    done = tidy(monkeypatch, 20)
    sales = done["tables"]["curated.sales"]
    assert (sales["expired"], sales["compacted"], sales["orphans_deleted"]) == (1, 2, 0)
    assert sales["orphans_seen"] >= 1
    assert snapshots("curated.sales") == 2  # what the warehouse holds, and the compaction
    assert left in lake()
    report = json.loads(
        aws.s3().get_object(Bucket=BUCKET, Key=done["report"].partition(f"{BUCKET}/")[2])["Body"].read()
    )
    assert f"s3://{BUCKET}/{left}" in report["tables"]["curated.sales"]["look"]["candidates"]

    again = tidy(monkeypatch, 27)
    assert again["tables"]["curated.sales"]["orphans_deleted"] == sales["orphans_seen"]
    assert left not in lake()
    assert world.state() == before
    told = [alert for alert in world.alerts() if alert["run"]["flow"] == "lake-maintenance"]
    assert [alert["severity"] for alert in told] == ["INFO"] * 3
    ended = world.sql("SELECT status FROM MONITORING.PIPELINE_RUNS WHERE flow = 'lake-maintenance'")
    assert [row["STATUS"] for row in ended] == ["COMPLETED"] * 3

    assert world.daily(NEXT, SOURCES).is_completed()  # nothing was published since
    assert world.last_run()[-1] == "unchanged"
    deliver_later_days()
    for day in (THIRD, DAY):
        assert world.daily(day, SOURCES).is_completed()
    assert (world.state(), broken(world)) == expected
    assert lake_log.processed_raw_dates(lake_tables.load("curated", "sales")) == {DAY, NEXT, THIRD}


def test_a_table_that_fails_is_named_and_the_others_are_tidied(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver("sales", DAY, [sale("O1", DAY, 100), sale("O2", DAY, "x")])
    deliver("sales", NEXT, [sale("O1", DAY, 100), sale("O2", DAY, "x")])
    for day in (DAY, NEXT):
        assert world.daily(day).is_completed()
    quarantine = lake_tables.load("quarantine", "sales")
    assert quarantine
    aws.s3().delete_object(
        Bucket=BUCKET, Key=quarantine.snapshots()[-1].manifest_list.partition(f"{BUCKET}/")[2]
    )
    before = world.state()
    monkeypatch.setattr(flow, "now", lambda: datetime.now(UTC) + timedelta(days=20))
    state: Any = flow.lake_maintenance(keep_days=1, keep_snapshots=1, return_state=True)
    assert state.is_failed()
    # Without its word nothing is an orphan, in no table: it may name files in the folder of another one.
    assert "2 of 2 tables were not tidied: curated.sales: orphans: SystemFault" in state.message
    assert "quarantine.sales: orphans: SystemFault: reading what quarantine.sales names" in state.message
    assert snapshots("curated.sales") == 1
    assert world.state() == before
    (alert,) = [alert for alert in world.alerts() if alert["run"]["flow"] == "lake-maintenance"]
    assert alert["severity"] == "CRITICAL"
    refused: Any = flow.lake_maintenance(tables=["curated.nothing"], return_state=True)
    assert "no such table: curated.nothing. Nothing was touched" in refused.message
