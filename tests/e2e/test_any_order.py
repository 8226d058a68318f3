"""A set of dates in any order, with repeats, day by day or by backfill: the same warehouse, equal to a plain count."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

import pytest

from tests.e2e.deliveries import Row, deliver, everything_but_sales, sale
from tests.e2e.world import World

FIRST = date(2024, 12, 29)  # a Sunday: the ISO year turns on the next day
DAYS = [FIRST + timedelta(days=n) for n in range(3)]
NEVER = "9999-12-31 00:00:00"
SOURCES = ("sales", "inventory", "market", "promotions", "masters")


def lines() -> dict[date, list[Row]]:
    """Few keys and many versions, so that every kind of meeting happens: newer, older, equal, broken, moved, taken back."""
    draw = random.Random(20)
    delivered: dict[date, list[Row]] = {}
    for day in DAYS:
        rows = []
        for _ in range(30):
            sold = day - timedelta(days=draw.randint(0, 1))
            rows.append(
                sale(
                    f"O{draw.randint(1, 25)}",
                    sold,
                    draw.choice([10, 20, 30, 400, "1,000"]),
                    sku_code=draw.choice(["SKU-1", " sku-2"]),
                    region_code=draw.choice(["NORTH", "SOUTH"]),
                    changed_at=draw.choice(
                        [None, f"{sold} 0{draw.randint(1, 9)}:{draw.randint(10, 59)}:00", NEVER]
                    ),
                    is_deleted=draw.choice(["true", "no", None, None, None]),
                )
            )
        kept = _without_ties(rows)
        delivered[day] = [*kept, kept[0]]
    return delivered


def version(row: Row) -> str:
    """SAP's way to say never is no version."""
    return "" if row["changed_at"] in (None, NEVER) else str(row["changed_at"])


def _without_ties(rows: list[Row]) -> list[Row]:
    """Equal versions with different content are settled by hashes, which the count below does not know."""
    return list({(r["order_id"], r["sku_code"].strip().upper(), version(r)): r for r in rows}.values())


def deliver_all() -> dict[date, list[Row]]:
    delivered = lines()
    for day, rows in delivered.items():
        everything_but_sales(day)
        deliver("sales", day, rows)
    return delivered


def expected(delivered: dict[date, list[Row]]) -> list[tuple[Any, ...]]:
    """The newest valid version of each key, and its anomaly flag, counted the slow way."""
    newest: dict[tuple[str, str], tuple[tuple[str, date], Row]] = {}
    for raw_date, rows in delivered.items():
        for row in rows:
            if "," in row["net_revenue"]:
                continue
            key = (row["order_id"], row["sku_code"].strip().upper())
            rank = (version(row), raw_date)
            if key not in newest or newest[key][0] < rank:
                newest[key] = (rank, row)
    held = [(*key, row) for key, (_, row) in newest.items() if row["is_deleted"] != "true"]
    assert len(held) < len(newest)

    def is_anomaly(sku: str, row: Row) -> bool:
        day = date.fromisoformat(row["order_date"])
        window = [
            float(other["net_revenue"])
            for _, other_sku, other in held
            if (other_sku, other["region_code"]) == (sku, row["region_code"])
            and timedelta(0) <= day - date.fromisoformat(other["order_date"]) <= timedelta(days=27)
        ]
        return float(row["net_revenue"]) * len(window) > 3 * sum(window)

    return sorted(
        (order, sku, row["region_code"], row["order_date"], float(row["net_revenue"]), is_anomaly(sku, row))
        for order, sku, row in held
    )


def loaded(world: World) -> list[tuple[Any, ...]]:
    rows = world.sql(
        "SELECT f.order_id, s.sku_code, g.region_code, f.order_date, f.net_revenue, f.is_revenue_anomaly "
        "FROM DW.FACT_SALES f JOIN DW.DIM_SKU s ON s.sku_key = f.sku_key "
        "JOIN DW.DIM_GEOGRAPHY g ON g.geo_key = f.geo_key"
    )
    return sorted(
        (
            r["ORDER_ID"],
            r["SKU_CODE"],
            r["REGION_CODE"],
            str(r["ORDER_DATE"]),
            float(r["NET_REVENUE"]),
            r["IS_REVENUE_ANOMALY"],
        )
        for r in rows
    )


@pytest.fixture(scope="module")
def in_order() -> dict[str, Any]:
    return {}


def states_agree(world: World, in_order: dict[str, Any]) -> None:
    state = world.state()
    if in_order:
        assert {name: rows for name, rows in state.items() if rows != in_order[name]} == {}
    in_order.update(state)


def test_days_in_order(world: World, in_order: dict[str, Any]) -> None:
    delivered = deliver_all()
    for day in DAYS:
        assert world.daily(day, SOURCES).is_completed()
    found = loaded(world)
    assert found == expected(delivered)
    assert any(row[-1] for row in found)
    states_agree(world, in_order)
    for row in world.runs():
        assert row["ROWS_RAW"] == row["ROWS_PUBLISHED"] + row["ROWS_SUPERSEDED"] + row["ROWS_QUARANTINED"]


def test_days_out_of_order_with_a_repeat(world: World, in_order: dict[str, Any]) -> None:
    delivered = deliver_all()
    for day in (DAYS[2], DAYS[0], DAYS[2], DAYS[1]):
        assert world.daily(day, SOURCES).is_completed()
    assert loaded(world) == expected(delivered)
    states_agree(world, in_order)


def test_backfill_in_chunks_then_a_day_again(world: World, in_order: dict[str, Any]) -> None:
    delivered = deliver_all()
    assert world.daily(DAYS[1], SOURCES).is_completed()
    assert world.backfill(DAYS[0], DAYS[-1], SOURCES, days=2).is_completed()
    assert loaded(world) == expected(delivered)
    states_agree(world, in_order)
    by_day = world.sql(
        "SELECT d.run_date, d.rows_raw FROM MONITORING.RUN_DATASETS d "
        "WHERE d.flow = 'cpg-backfill' AND d.dataset = 'sales' ORDER BY 1"
    )
    assert [(r["RUN_DATE"], r["ROWS_RAW"]) for r in by_day] == [(day, len(delivered[day])) for day in DAYS]
