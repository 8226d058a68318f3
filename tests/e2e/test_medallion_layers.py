"""Silver, gold and the marts on the local cloud: what they hold follows from bronze, whatever the runs that made them."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from contracts.shop import EXTRACTED, GOLD, SILVER
from flows.lake_monitor import lake_monitor
from flows.snowflake_medallion import snowflake_medallion
from local.shop import change_shop
from local.sql import connect
from tasks.lake import lake_tables
from tests.e2e.world import World
from tests.jobs.shop.customer_world import periods

DAY = timedelta(days=1)
UNCHANGED = {"rows_added": 0, "rows_removed": 0}


@pytest.fixture(autouse=True)
def empty_shop(world: World) -> Iterator[None]:
    def empty() -> None:
        world.empty()
        for entity in EXTRACTED:
            world.sql(f"DELETE FROM SHOP.PUBLIC.{entity}")

    empty()
    yield
    empty()


def advance(world: World) -> None:
    with closing(connect(world.cloud.settings)) as connection:
        change_shop(connection, DAY, seed=1, customers=40)


def result(**how: Any) -> dict[str, Any]:
    state = snowflake_medallion(**how, return_state=True)  # type: ignore[call-overload]
    assert state.is_completed(), state.message
    found: dict[str, Any] = state.result()
    return found


def table(namespace: str, name: str) -> pa.Table:
    found = lake_tables.load(namespace, name)
    assert found is not None, f"{namespace}.{name} is not there"
    return found.scan().to_arrow()


def layers() -> dict[str, list[str]]:
    """All rows of silver and gold, as text, in an order of their own."""
    return {
        f"{namespace}.{name}": sorted(map(str, table(namespace, name).to_pylist()))
        for namespace, tables in (("silver", SILVER), ("gold", GOLD))
        for name in tables
    }


def changed(found: dict[str, Any]) -> dict[str, dict[str, int]]:
    return {
        name: {what: rows[what] for what in UNCHANGED}
        for tables in found["layers"].values()
        for name, rows in tables.items()
    }


def test_the_layers_follow_from_bronze_whatever_the_runs(world: World) -> None:
    for _ in range(3):
        advance(world)
        found = result()
    assert 0 < found["layers"]["silver"]["dim_customers"]["rows_added"] < 40  # not all of them again

    history = {(p.customer_id, p.effective_at) for p in periods(table("bronze", "customers").to_pylist())}
    silver = table("silver", "dim_customers").to_pylist()
    assert {(row["customer_id"], row["effective_at"]) for row in silver} == history
    require_lines()
    require_gold(world)

    before = layers()
    rebuilt = result(stages=["silver", "gold"], rebuild=True)
    assert set(changed(rebuilt)) == {*SILVER, *GOLD}
    assert all(rows == UNCHANGED for rows in changed(rebuilt).values())
    assert layers() == before

    time.sleep(1)
    began = time.monotonic()
    nothing = result()
    assert (nothing["summary"], changed(nothing)) == ("nothing changed", {})
    assert time.monotonic() - began < 30

    looked = lake_monitor(return_state=True)  # type: ignore[call-overload]
    assert looked.is_completed(), looked.message
    assert looked.result()["warnings"] == []


def require_lines() -> None:
    """Each line that is neither deleted nor of a deleted order is in one of the two tables, by another way of counting."""
    with duckdb.connect() as oracle:
        for entity in ("orders", "order_items"):
            oracle.register(entity, table("bronze", entity))
        newest = "QUALIFY row_number() OVER (PARTITION BY {0} ORDER BY updated_at DESC, extraction_timestamp DESC) = 1"
        live = oracle.sql(
            f"WITH o AS (SELECT * FROM orders {newest.format('order_id')}), "
            f"i AS (SELECT * FROM order_items {newest.format('order_id, line_number')}) "
            "SELECT i.order_id, i.line_number FROM i LEFT JOIN o USING (order_id) "
            "WHERE NOT i.is_deleted AND NOT coalesce(o.is_deleted, false)"
        ).fetchall()
    facts, pending = (table("silver", name).to_pylist() for name in ("fact_orders", "pending_orders"))
    lines = [(row["order_id"], row["line_number"]) for row in (*facts, *pending)]
    assert sorted(lines) == sorted(live)
    assert len(facts) > 50


def require_gold(world: World) -> None:
    """The marts say what the facts say, to the cent."""
    facts = [row for row in table("silver", "fact_orders").to_pylist() if row["status"] != "cancelled"]
    net = sum((row["line_amount"] for row in facts), Decimal(0))
    units = sum(row["quantity"] for row in facts)
    (summary,) = world.sql("SELECT SUM(net_amount) AS NET, SUM(units) AS UNITS FROM MARTS.SALES_SUMMARY")
    assert (summary["NET"], summary["UNITS"]) == (net, units)
    (analytics,) = world.sql(
        "SELECT COUNT(*) AS CUSTOMERS, SUM(total_orders) AS ORDERS FROM MARTS.CUSTOMER_ANALYTICS"
    )
    customers = {row["customer_key"] for row in table("silver", "dim_customers").to_pylist()}
    assert (analytics["CUSTOMERS"], analytics["ORDERS"]) == (
        len(customers),
        len({row["order_id"] for row in facts}),
    )
    assert "EMAIL" not in str(world.sql("SELECT * FROM MARTS.CUSTOMER_ANALYTICS LIMIT 1")).upper()


def test_a_run_that_is_killed_between_two_commits_is_ended_by_the_next(world: World) -> None:
    advance(world)
    result(stages=["extract"])
    code = world.in_process(
        "from flows.snowflake_medallion import snowflake_medallion\nsnowflake_medallion(stages=['silver'])",
        before="""
        import os, signal
        from tasks.lake import lake_commits
        real, commits = lake_commits.publish, 0
        def dies(*arguments, **more):
            global commits
            commits += 1
            done = real(*arguments, **more)
            if commits == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            return done
        lake_commits.publish = dies
        """,
    )
    assert code == -signal.SIGKILL
    assert lake_tables.load("silver", "fact_orders") is None
    found = result(stages=["silver", "gold"])
    # The dimensions were there already.
    assert set(found["layers"]["silver"]) == {"fact_orders", "pending_orders"}
    before = layers()
    assert all(
        rows == UNCHANGED for rows in changed(result(stages=["silver", "gold"], rebuild=True)).values()
    )
    assert layers() == before
