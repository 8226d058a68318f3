"""FACT_PROMOTION: what was withdrawn before it began, whatever the order in which calendars are loaded."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.warehouse.curated import promotion
from tests.warehouse.standin import Warehouse

pytestmark = pytest.mark.e2e  # a second or two a load on the stand-in

D1, D2, D3 = "2025-01-06", "2025-01-13", "2025-01-20"  # Mondays, as the weeks are


def load_calendar(
    warehouse: Warehouse, day: str, rows: list[dict[str, Any]], broken: list[dict[str, Any]] | None = None
) -> None:
    warehouse.load(
        "promotions",
        *([rows] if rows else []),
        raw_dates=(date.fromisoformat(day),),
        sightings=(warehouse.file("sightings", broken),) if broken else (),
    )


def withdrawn(warehouse: Warehouse) -> set[tuple[str, str]]:
    return set(
        warehouse.rows("SELECT promo_id, week_start::VARCHAR FROM DW.FACT_PROMOTION WHERE is_withdrawn")
    )


def test_a_future_line_that_is_gone_is_withdrawn_and_a_started_one_stays(warehouse: Warehouse) -> None:
    load_calendar(warehouse, D1, [promotion("P1", week, D1) for week in (D1, D2, D3)])
    load_calendar(warehouse, D2, [promotion("P2", D3, D2)])
    assert withdrawn(warehouse) == {("P1", D3)}  # on D2 the week of D2 has started


@pytest.mark.parametrize("order", [(D1, D2, D3), (D3, D2, D1), (D2, D3, D1)])
def test_a_line_that_comes_back_is_not_withdrawn(warehouse: Warehouse, order: tuple[str, ...]) -> None:
    week = "2025-02-03"
    calendars = {
        D1: [promotion("BACK", week, D1), promotion("GONE", week, D1)],
        D2: [promotion("GONE", week, D2)],
        D3: [promotion("BACK", week, D3, spend="5")],
    }
    for day in order:
        load_calendar(warehouse, day, calendars[day])
    assert withdrawn(warehouse) == {("GONE", week)}
    assert warehouse.one("SELECT COUNT(*) FROM CURATED.PROMOTION_SNAPSHOTS") == 3


def test_a_calendar_may_withdraw_everything(warehouse: Warehouse) -> None:
    load_calendar(warehouse, D1, [promotion("P1", D3, D1)])
    load_calendar(warehouse, D2, [])
    assert withdrawn(warehouse) == {("P1", D3)}


@pytest.mark.parametrize("order", [(D1, D2), (D2, D1)])
def test_a_line_quarantined_in_the_newer_calendar_was_seen_there(
    warehouse: Warehouse, order: tuple[str, ...]
) -> None:
    delivered = {"sku_code": " s1 ", "region_code": "r1", "week": f" {D3}", "raw_date": D2}
    broken = [
        {"promo_id": " SEEN ", **delivered},
        {"promo_id": None, **delivered},
        {"promo_id": "GONE", **delivered, "week": "not a date"},
    ]
    calendars = {D1: [promotion("SEEN", D3, D1), promotion("GONE", D3, D1)], D2: []}
    for day in order:
        load_calendar(warehouse, day, calendars[day], broken if day == D2 else None)
    assert withdrawn(warehouse) == {("GONE", D3)}
    assert warehouse.rows("SELECT promo_id, seen_date::VARCHAR FROM CURATED.PROMOTION_SIGHTINGS") == [
        ("SEEN", D2)
    ]


def test_a_repeat_remembers_calendars_once(warehouse: Warehouse) -> None:
    snapshot = warehouse.snapshot(
        "promotions",
        [promotion("P1", D3, D1)],
        raw_dates=(
            date.fromisoformat(D1),
            date.fromisoformat(D2),
        ),
    )
    first, second = warehouse.replay(snapshot), warehouse.replay(snapshot)
    assert (first.rows_inserted, second.rows_inserted, second.rows_updated) == (1, 0, 0)
    assert warehouse.one("SELECT COUNT(*) FROM CURATED.PROMOTION_SNAPSHOTS") == 2
    assert withdrawn(warehouse) == {("P1", D3)}
    assert warehouse.one(
        "SELECT date_key, promo_type, promo_discount_pct, is_promoted, planned_spend FROM DW.FACT_PROMOTION"
    ) == (20250120, "price_off", 0.25, True, 1000)
