"""The weekly reconciliation on the local cloud: the lake then says what the shop has, row by row, as no watermark could."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest
from prefect.client.schemas.objects import State

from contracts.shop import EXTRACTED
from flows.snowflake_medallion import snowflake_medallion
from flows.snowflake_reconcile import snowflake_reconcile
from tasks.extraction import watermark
from tasks.extraction.bronze import bronze, quarantine
from tests.e2e.test_medallion import advance
from tests.e2e.world import World
from tests.tasks.extraction.plain_digest import newest


@pytest.fixture(autouse=True)
def empty_shop(world: World) -> Iterator[None]:
    def empty() -> None:
        world.empty()
        for entity in EXTRACTED:
            world.sql(f"DELETE FROM SHOP.PUBLIC.{entity}")

    empty()
    yield
    empty()


def result(state: State[Any]) -> dict[str, Any]:
    assert state.is_completed(), state.message
    found: dict[str, Any] = state.result()
    return found


def extract() -> dict[str, Any]:
    return result(snowflake_medallion(stages=["extract"], return_state=True))  # type: ignore[call-overload]


def reconcile(**how: Any) -> dict[str, Any]:
    return result(snowflake_reconcile(return_state=True, **how))  # type: ignore[call-overload]


def in_shop(world: World, entity: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    names = EXTRACTED[entity].names
    rows = world.sql(f"SELECT {', '.join(names)} FROM SHOP.PUBLIC.{entity}")
    plain = [{name: row[name.upper()] for name in names} for row in rows]
    return {tuple(row[name] for name in EXTRACTED[entity].key): row for row in plain}


def in_lake(entity: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The newest row of each key that is not gone, by plain Python."""
    found = newest(EXTRACTED[entity], (bronze(entity), quarantine("shop", entity)))
    return {key: last.row for key, last in found.items() if last.row}


def spoil(world: World) -> None:
    """What no watermark finds, in every entity: a silent change, a hard deletion, a row dated long ago."""
    for entity, dataset in EXTRACTED.items():
        first, second, third = sorted(in_shop(world, entity))[:3]

        def where(key: tuple[Any, ...], dataset: Any = dataset) -> str:
            return " AND ".join(f"{name} = {value!r}" for name, value in zip(dataset.key, key, strict=True))

        world.sql(f"DELETE FROM SHOP.PUBLIC.{entity} WHERE {where(first)}")
        world.sql(f"UPDATE SHOP.PUBLIC.{entity} SET is_deleted = NOT is_deleted WHERE {where(second)}")
        world.sql(
            f"INSERT INTO SHOP.PUBLIC.{entity} SELECT {', '.join(renamed(dataset))} FROM SHOP.PUBLIC.{entity} "
            f"WHERE {where(third)}"
        )


def renamed(dataset: Any) -> list[str]:
    """The columns of a row with another key, as if it had been committed late."""
    return [
        f"CONCAT({column.name}, '-late')" if column.name == dataset.key[0] else column.name
        for column in dataset.columns
    ]


def test_one_reconciliation_finds_what_no_watermark_does_and_the_next_finds_nothing(world: World) -> None:
    advance(world)
    extract()
    advance(world)
    extract()
    spoil(world)
    before = {entity: watermark.read("shop", entity) for entity in EXTRACTED}
    world.alerts()
    found = reconcile()
    for entity in EXTRACTED:
        shop, lake = in_shop(world, entity), in_lake(entity)
        assert lake == shop, entity
        figures = found["entities"][entity]
        assert figures["rows_vanished"] >= 1
        assert figures["rows_changed"] >= 1
        assert figures["rows_missing"] >= 1
        assert (
            figures["rows_added"] + figures["rows_quarantined"] + figures["tombstones"]
            == figures["differences"]
        )
        after = watermark.read("shop", entity)
        assert (after.value, after.version) == (before[entity].value, before[entity].version)
    assert [alert["severity"] for alert in world.alerts()] == ["WARNING"]

    again = reconcile()
    assert again["summary"] == "nothing differs"
    assert {each["buckets_differing"] for each in again["entities"].values()} == {0}
    assert again["rows_published"] == 0
    assert [alert["severity"] for alert in world.alerts()] == ["INFO"]
    rows = world.sql(
        "SELECT status, message FROM MONITORING.PIPELINE_RUNS WHERE flow = 'snowflake-reconcile'"
    )
    assert {row["STATUS"] for row in rows} == {"COMPLETED"}
    assert [" vanished" in row["MESSAGE"] for row in rows].count(True) == 1


def test_a_run_that_is_killed_after_its_tombstones_is_ended_by_the_next(world: World) -> None:
    advance(world)
    extract()
    spoil(world)
    code = world.in_process(
        "from flows.snowflake_reconcile import snowflake_reconcile\nsnowflake_reconcile(['orders'])",
        before="""
        import os, signal
        from tasks.extraction import bronze
        real = bronze.append
        def dies(*arguments, **more):
            real(*arguments, **more)
            os.kill(os.getpid(), signal.SIGKILL)
        bronze.append = dies
        """,
    )
    assert code == -signal.SIGKILL
    found = reconcile(entities=["orders"])
    assert in_lake("orders") == in_shop(world, "orders")
    assert found["entities"]["orders"]["rows_vanished"] == 0


def test_an_emptied_source_changes_nothing_and_the_other_entities_are_reconciled(world: World) -> None:
    advance(world)
    extract()
    spoil(world)
    world.sql("DELETE FROM SHOP.PUBLIC.ORDERS")
    lake = in_lake("orders")
    state = snowflake_reconcile(["orders", "products"], return_state=True)  # type: ignore[call-overload]
    assert state.is_failed()
    assert "orders: of the" in str(state.message)
    assert "Of the other entities: products:" in str(state.message)
    assert in_lake("orders") == lake
    assert in_lake("products") == in_shop(world, "products")
