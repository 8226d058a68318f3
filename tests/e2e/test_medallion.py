"""The Snowflake medallion on the local cloud: what is in the shop is in bronze, increment by increment."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prefect.client.schemas.objects import State

from contracts.shop import EXTRACTED
from flows.snowflake_medallion import snowflake_medallion
from flows.snowflake_replay import snowflake_replay
from flows.snowflake_rewind import snowflake_rewind
from local.shop import change_shop
from local.sql import connect
from tasks.extraction import watermark
from tasks.extraction.bronze import bronze, quarantine
from tasks.lake import lake_tables
from tests.e2e.world import World

DAY = timedelta(days=1)
# Rows that an extraction finds at once: dated far enough before the source's present, and not deleted for good.
RULES = {"orders": "status:allowed", "order_items": "quantity:range"}


@pytest.fixture(autouse=True)
def empty_shop(world: World) -> Iterator[None]:
    def empty() -> None:
        world.empty()
        for entity in EXTRACTED:
            world.sql(f"DELETE FROM SHOP.PUBLIC.{entity}")

    empty()
    yield
    empty()


def advance(world: World, by: timedelta = DAY) -> None:
    with closing(connect(world.cloud.settings)) as connection:
        change_shop(connection, by, seed=1, customers=40)


def run(**how: Any) -> State[Any]:
    """Extraction alone: test_medallion_layers.py looks at what comes after it."""
    return snowflake_medallion(**how, stages=["extract"], return_state=True)  # type: ignore[call-overload,no-any-return]


def result(**how: Any) -> dict[str, Any]:
    state = run(**how)
    assert state.is_completed(), state.message
    found: dict[str, Any] = state.result()
    return found


def extracted(entity: str) -> list[dict[str, Any]]:
    """All versions of an entity, in bronze and in quarantine."""
    found = []
    for place in (bronze(entity), quarantine("shop", entity)):
        if table := lake_tables.load(place.namespace, place.name):
            found += table.scan().to_arrow().to_pylist()
    return found


def content(row: dict[str, Any], entity: str) -> tuple[Any, ...]:
    return tuple(_plain(row[name]) for name in EXTRACTED[entity].names)


def _plain(value: Any) -> Any:
    return (
        value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) and value.tzinfo else value
    )


def in_shop(world: World, entity: str, silent: bool = False) -> set[tuple[Any, ...]]:
    rows = world.sql(f"SELECT * FROM SHOP.PUBLIC.{entity}")
    return {content({name.lower(): value for name, value in row.items()}, entity) for row in rows}


def missing(world: World, entity: str) -> set[tuple[Any, ...]]:
    return in_shop(world, entity) - {content(row, entity) for row in extracted(entity)}


def test_every_row_of_the_shop_is_in_the_lake_and_increments_flow(world: World) -> None:
    advance(world)
    first = result()
    for entity in EXTRACTED:
        assert missing(world, entity) == set()
    assert first["rows_quarantined"] == 9  # three rows of each defect: a status, a quantity, an amount
    reasons = {
        entity: {str(row["reasons"]) for row in extracted(entity) if row.get("reasons")} for entity in RULES
    }
    assert reasons == {
        "orders": {"['status:allowed']"},
        "order_items": {"['quantity:range']", "['line_amount:range']"},
    }

    for _ in range(2):
        before = {entity: watermark.read("shop", entity).value for entity in EXTRACTED}
        lacking = {entity: missing(world, entity) for entity in EXTRACTED}
        advance(world)
        found = result()
        assert 0 < found["rows_published"] < first["rows_published"] / 2
        for entity in EXTRACTED:
            overlap = datetime.fromisoformat(str(before[entity])) - timedelta(minutes=10)
            place = EXTRACTED[entity].names.index("updated_at")
            late = missing(world, entity) - lacking[entity]
            # What no watermark finds: changed in silence, or committed later than the overlap.
            assert all(row[place] <= overlap for row in late)
            assert len(late) <= 6
    assert any(missing(world, entity) for entity in EXTRACTED)


def test_nothing_changed_is_said_within_half_a_minute(world: World) -> None:
    advance(world)
    result()
    time.sleep(1)
    began = time.monotonic()
    found = result()
    assert found["summary"] == "nothing changed"
    assert time.monotonic() - began < 30


def test_an_entity_that_fails_does_not_keep_the_others(world: World) -> None:
    advance(world)
    broken = "SELECT * FROM PUBLIC.NOWHERE WHERE updated_at > :low AND updated_at <= :high"
    state = run(overrides={"products": {"query": broken}})
    assert state.is_failed()
    assert state.message is not None
    assert "NOWHERE" in state.message
    assert "Of the other entities: " in state.message
    assert (watermark.read("shop", "products").value, missing(world, "orders")) == (None, set())


def test_a_run_that_is_killed_between_two_commits_is_ended_by_the_next(world: World) -> None:
    advance(world)
    code = world.in_process(
        "from flows.snowflake_medallion import snowflake_medallion\n"
        "snowflake_medallion(entities=['orders'], stages=['extract'], overrides={'orders': {'batch_rows': 50}})",
        before="""
        import os, signal
        from tasks.extraction import bronze
        real, commits = bronze.append, 0
        def dies(*arguments, **more):
            global commits
            commits += 1
            done = real(*arguments, **more)
            if commits == 3:
                os.kill(os.getpid(), signal.SIGKILL)
            return done
        bronze.append = dies
        """,
    )
    assert code == -signal.SIGKILL
    found = result(entities=["orders"], overrides={"orders": {"batch_rows": 50}})
    assert missing(world, "orders") == set()
    versions = [content(row, "orders") for row in extracted("orders")]
    assert len(versions) == len(set(versions))
    assert found["entities"]["orders"]["rows_read"] < len(versions)


def test_replay_and_rewind_change_nothing_that_was_right(world: World) -> None:
    advance(world)
    result()
    before = {entity: {content(row, entity) for row in extracted(entity)} for entity in EXTRACTED}
    held = watermark.read("shop", "orders")
    assert held.value is not None
    until = datetime.fromisoformat(held.value)
    replayed = snowflake_replay("orders", until - 5 * DAY, until, return_state=True)  # type: ignore[call-overload]
    assert replayed.is_completed(), replayed.message
    assert watermark.read("shop", "orders").value == held.value
    rewound = snowflake_rewind("orders", until - DAY, "a test", return_state=True)  # type: ignore[call-overload]
    assert rewound.is_completed(), rewound.message
    result(entities=["orders"])
    after = watermark.read("shop", "orders")
    assert after.value is not None
    assert after.value > held.value
    assert [each["why"] for each in after.history] == ["scan", "a test", "scan"]
    assert {entity: {content(row, entity) for row in extracted(entity)} for entity in EXTRACTED} == before
