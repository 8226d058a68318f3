"""Marketing engagement on the local cloud: two days in any order equal an independent computation of both."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from datetime import timedelta

import pytest
from prefect.client.orchestration import get_client

from local.demo_marketing import marketing_summary
from local.sample.marketing import Upload, truth, uploads
from local.sample.marketing.uploads import FIRST_DAY
from tests.e2e import marketing
from tests.e2e.marketing import computed, deliver, run, shown, state
from tests.e2e.world import World
from warehouse.statement import Statement

SECOND_DAY = FIRST_DAY + timedelta(days=1)
HEADER = "customer_id,first_name,last_name,email,region,signup_date"
DELIVERED = uploads(seed=1, days=2)


@pytest.fixture(autouse=True)
def empty_tables(world: World) -> Iterator[None]:
    marketing.empty(world)
    yield
    marketing.empty(world)


def require_computed(world: World, uploads_: list[Upload] = DELIVERED) -> None:
    expected, found = computed(uploads_), state(world)
    assert found["profiles"] == expected["profiles"]
    assert [row[:9] for row in found["facts"]] == expected["facts"]


def test_two_days_in_either_order_and_again_are_the_computed_tables(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    deliver(DELIVERED, FIRST_DAY, SECOND_DAY)
    for day in (FIRST_DAY, SECOND_DAY):
        ended = run(day)
        assert ended.is_completed(), ended.message
    require_computed(world)
    in_order = state(world)
    told = truth(DELIVERED)
    assert world.one("SELECT COUNT(DISTINCT session_id) FROM DW.FACT_CLICK_EVENTS") == told.sessions
    assert world.one("SELECT COUNT(*) FROM DW.FACT_CLICK_EVENTS WHERE is_late") == told.late > 0
    assert (
        world.one("SELECT COUNT(*) FROM DW.DIM_CUSTOMER_PROFILE WHERE is_active")
        == told.active
        < told.customers
    )

    assert run(FIRST_DAY).is_completed()
    assert state(world) == in_order
    marketing.empty(world)
    for day in (SECOND_DAY, FIRST_DAY):
        assert run(day).is_completed()
    assert run(SECOND_DAY, build_marts=True).is_completed()
    assert state(world) == in_order

    require_accounts(world)
    require_marts(world)
    require_no_personal_data(world, caplog.text)


def require_accounts(world: World) -> None:
    """The second day ran last: RAW is its input, and every row of its files is accounted for."""
    last = [upload for upload in DELIVERED if upload.day == SECOND_DAY]
    customers, events = ([u for u in last if kind in u.key] for kind in ("demographics", "clickstream"))
    raw = {"RAW.RAW_CUSTOMER_DEMOGRAPHICS": customers, "RAW.RAW_CLICKSTREAM_EVENTS": events}
    for table, files in raw.items():
        assert dict(shown(world, f"{table} GROUP BY source_file", "source_file, COUNT(*)")) == {
            upload.key: upload.expected.rows for upload in files
        }
    quarantined = f"RAW.QUARANTINED_ROWS WHERE batch_date = '{SECOND_DAY}' GROUP BY source_file"
    assert dict(shown(world, quarantined, "source_file, COUNT(*)")) == {
        upload.key: upload.expected.quarantined for upload in last if upload.expected.quarantined
    }
    reasons = dict(shown(world, "RAW.QUARANTINED_ROWS GROUP BY reasons", "reasons, COUNT(*)"))
    assert reasons == {
        "2 fields where 7 are expected": 2,
        "customer_id:missing": 2,
        "customer_id:repeated": 4,
        "event_id:missing": 2,
        "not JSON: Unterminated string starting at at character 14": 2,
    }


def require_marts(world: World) -> None:
    """Their figures are test_dbt.py's; here they are made of this run's events, and the run's records tell of it."""
    told = truth(DELIVERED)
    assert world.one("SELECT SUM(events) FROM MARTS.ENGAGEMENT_DAILY") == told.events
    assert world.one("SELECT COUNT(DISTINCT day) FROM MARTS.ENGAGEMENT_FUNNEL") == world.one(
        "SELECT COUNT(DISTINCT event_timestamp::DATE) FROM DW.FACT_CLICK_EVENTS"
    )
    assert "page_view" in marketing_summary(world.cloud.settings)  # what the demo prints
    steps = "MONITORING.INGESTION_LOGS WHERE step LIKE 'dbt %' AND status = 'COMPLETED'"
    assert [row[0] for row in shown(world, steps, "step")] == ["dbt marketing/marts", "dbt marketing/stage"]
    checks = "MONITORING.DQ_CHECK_LOGS WHERE dataset = 'engagement' AND check_name LIKE 'engagement_%'"
    assert shown(world, checks, "check_name, value, passed") == [
        ("engagement_daily_counts_every_event_once", 0, True),
        ("engagement_funnel_never_widens", 0, True),
    ]


def require_no_personal_data(world: World, logs: str) -> None:
    with get_client(sync_client=True) as client:
        pages = str([artifact.data for artifact in client.read_artifacts(limit=200)])
    assert "marketing" in logs
    assert "customer_id:repeated" not in pages
    monitoring = [
        world.sql(f"SELECT * FROM MONITORING.{name}")
        for name in ("PIPELINE_RUNS", "INGESTION_LOGS", "DQ_CHECK_LOGS")
    ]
    # The raw line is what it is, and masked; the rest of a quarantined row names no value.
    quarantine = world.sql("SELECT * EXCLUDE (raw_line) FROM RAW.QUARANTINED_ROWS")
    places = {
        "logs": logs,
        "pages": pages,
        "alerts": str(world.alerts()),
        "monitoring": str(monitoring),
        "quarantine": str(quarantine),
    }
    personal = {address.lower() for address in truth(DELIVERED).addresses} | {"other.address@", "cut.off@"}
    for place, text in places.items():
        assert [value for value in personal if value in text.lower()] == [], place


def test_a_snapshot_that_was_cut_off_stops_the_run_and_the_tables_stay(world: World) -> None:
    deliver(DELIVERED, FIRST_DAY, SECOND_DAY)
    assert run(FIRST_DAY).is_completed()
    before = state(world)
    for upload in DELIVERED:
        if upload.day == SECOND_DAY and "demographics" in upload.key:
            marketing.put(upload.key, f"{HEADER}\nx,Asha,,a@example.com,,\n".encode())
    world.alerts()

    ended = run(SECOND_DAY)

    assert ended.is_failed()
    assert "row_count_ratio = 0.00840336 (limit 0.5) FAILED: 1 rows, 119 in the delivery before" in str(
        ended.message
    )
    assert "nothing of run" in str(ended.message)
    assert state(world) == before
    assert [alert["severity"] for alert in world.alerts()] == ["CRITICAL"]
    failed = "MONITORING.INGESTION_LOGS WHERE status = 'FAILED'"
    assert [row[:1] for row in shown(world, failed, "step, error")] == [("check",)]
    checks = "MONITORING.DQ_CHECK_LOGS WHERE NOT passed AND run_status = 'FAILED'"
    assert ("row_count_ratio", pytest.approx(1 / 119), 0.5) in shown(
        world, checks, "check_name, value, threshold"
    )
    accepted = run(SECOND_DAY, accept_drop=True)
    assert accepted.is_completed(), accepted.message
    assert world.one("SELECT COUNT(*) FROM DW.DIM_CUSTOMER_PROFILE WHERE is_active") == 1


def test_a_missing_snapshot_leaves_the_old_one_with_a_warning(world: World) -> None:
    deliver(DELIVERED, FIRST_DAY, SECOND_DAY)
    assert run(FIRST_DAY).is_completed()
    before = state(world)["profiles"]
    for upload in DELIVERED:
        if upload.day == SECOND_DAY and "demographics" in upload.key:
            marketing.remove(upload.key)
    world.alerts()

    ended = run(SECOND_DAY)

    assert ended.is_completed(), ended.message
    assert state(world)["profiles"] == before
    assert len(state(world)["facts"]) == truth(DELIVERED).events
    warnings = [alert["message"] for alert in world.alerts() if alert["severity"] == "WARNING"]
    assert len(warnings) == 1
    assert "nothing was delivered under s3://highwater-lake/raw/marketing/demographics/" in warnings[0]
    # Who came with the second snapshot is not known: events of his are kept, and counted with those of the ghost.
    unknown = world.one(
        "SELECT COUNT(*) FROM DW.FACT_CLICK_EVENTS event LEFT JOIN DW.DIM_CUSTOMER_PROFILE profile"
        f" ON profile.customer_id = event.user_id WHERE profile.customer_id IS NULL AND user_id IS NOT NULL"
        f" AND event.source_date = '{SECOND_DAY}'"
    )
    assert ended.result()["unknown_users"] == unknown > 0


# Where, before or after, at which call; and whether the tables then hold the day.
DEATHS = [
    ("tasks.marketing.marketing_steps:read_files", "after", 1, False),
    ("tasks.marketing.loading:execute", "after", 17, False),  # within the transaction
    ("tasks.warehouse.warehouse_write:execute", "after", 5, True),  # committed, nobody was told
]


@pytest.mark.parametrize(("target", "when", "nth", "is_loaded"), DEATHS)
def test_a_killed_run_changes_all_or_nothing_and_the_next_one_ends_as_if_undisturbed(
    world: World, target: str, when: str, nth: int, is_loaded: bool
) -> None:
    deliver(DELIVERED, FIRST_DAY)
    arranged = f"from tests.e2e import death; death.arrange({target!r}, {when!r}, {nth})"
    start = f"date({FIRST_DAY:%Y, %-m, %-d})"
    call = (
        f"from flows.marketing_engagement import marketing_engagement as run; run({start}, build_marts=False)"
    )
    assert world.in_process(call, arranged) == -signal.SIGKILL
    counts = {table: world.one(f"SELECT COUNT(*) FROM {table}") for table in marketing.TABLES[:5]}
    assert {bool(count) for count in counts.values()} == {is_loaded}, counts

    assert run(FIRST_DAY).is_completed()

    first = [upload for upload in DELIVERED if upload.day == FIRST_DAY]
    require_computed(world, first)
    assert world.one("SELECT COUNT(*) FROM RAW.QUARANTINED_ROWS") == sum(
        u.expected.quarantined for u in first
    )
    read = "(SELECT COUNT(*) FROM RAW.RAW_CUSTOMER_DEMOGRAPHICS) + (SELECT COUNT(*) FROM RAW.RAW_CLICKSTREAM_EVENTS)"
    assert world.one(f"SELECT {read}") == sum(upload.expected.rows for upload in first)


def test_a_check_that_fails_after_the_merge_takes_the_merge_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(DELIVERED, FIRST_DAY, SECOND_DAY)
    assert run(FIRST_DAY).is_completed()
    before = state(world)
    raw = shown(world, "RAW.RAW_CLICKSTREAM_EVENTS", "event_id, source_date")
    twice = Statement("look for repeated customers", "SELECT 1, 0")
    monkeypatch.setattr("tasks.marketing.loading.figures.repeated_customers", lambda: twice)

    ended = run(SECOND_DAY)

    assert "marketing_demographics 2025-01-07 unique = 1 (limit 0) FAILED" in str(ended.message)
    assert state(world) == before
    assert shown(world, "RAW.RAW_CLICKSTREAM_EVENTS", "event_id, source_date") == raw
    checks = "MONITORING.DQ_CHECK_LOGS WHERE NOT passed AND check_name = 'unique'"
    assert shown(world, checks, "dataset, run_status") == [("marketing_demographics", "FAILED")]
    datasets = f"MONITORING.RUN_DATASETS WHERE run_date = '{SECOND_DAY}'"
    assert {row[1] for row in shown(world, datasets, "dataset, status")} == {"rejected"}
