"""The history must look like a business: promotions lift, empty shelves sell nothing, orders have lines."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, timedelta

import numpy as np
import pytest

from local.sample.cpg import Profile
from local.sample.cpg.catalogue import Catalogue
from local.sample.cpg.demand import Demand
from local.sample.cpg.promotions import Plan
from local.sample.cpg.stock import StockDay, simulate
from local.sample.cpg.timeline import monday, week_of
from tests.local.sample.cpg.conftest import History
from tests.local.sample.cpg.platform_rules import Line

START, END = date(2024, 4, 1), date(2025, 3, 30)


@pytest.fixture(scope="module")
def year() -> tuple[Plan, list[StockDay]]:
    profile = Profile(START, END)
    catalogue = Catalogue(profile)
    plan = Plan(profile, catalogue, week_of(START) - 30, week_of(END) + 2)
    demand = Demand(profile, catalogue, plan)
    return plan, simulate(profile, catalogue, demand, START)


@pytest.fixture(scope="module")
def sound_lines(demo_sized_history: History) -> list[Line]:
    lines = [line for day in demo_sized_history.sales_by_day.values() for line in day if not line.reason]
    return [line for line in lines if line.values["order_date"] == line.raw_date.isoformat()]


def weekly(days: list[StockDay]) -> np.ndarray:
    sold = np.stack([day.sold for day in days])
    return sold.reshape(-1, 7, *sold.shape[1:]).sum(axis=1)


def test_orders_have_several_lines_and_no_sku_twice(sound_lines: list[Line]) -> None:
    keys = Counter(line.key for line in sound_lines)
    lines_per_order = Counter(order for order, _ in keys)
    assert 2.5 < np.mean(list(lines_per_order.values())) < 4.0
    assert sum(count >= 2 for count in lines_per_order.values()) / len(lines_per_order) > 0.6


def test_an_order_is_one_customers_in_one_region(sound_lines: list[Line]) -> None:
    buyers: dict[str, set[tuple[str, str, str]]] = defaultdict(set)
    for line in sound_lines:
        buyers[line.values["order_id"]].add(
            (line.values["customer_id"], line.values["region_code"], line.values["channel"])
        )
    assert {len(found) for found in buyers.values()} == {1}


def test_the_net_price_falls_by_the_promotions_discount(
    demo_sized_history: History, sound_lines: list[Line]
) -> None:
    depth = {}
    for table in demo_sized_history.under("raw/trade_promotions/").values():
        for promo_id, share in zip(
            table["promo_id"].to_pylist(), table["promo_discount_pct"].to_pylist(), strict=True
        ):
            if not promo_id.startswith("PX"):
                depth[promo_id] = float(share)
    terms = {"modern_trade": 0.045, "general_trade": 0.020, "ecommerce": 0.035}
    promoted = 0
    for line in sound_lines:
        promo_id = line.values.get("promo_id", "")
        if line.values.get("gross_revenue", "n/a") == "n/a" or "promo_id" not in line.values:
            continue
        gross, net = float(line.values["gross_revenue"]), float(line.values["net_revenue"])
        expected = gross * (1 - terms[line.values["channel"]]) * (1 - depth.get(promo_id, 0.0))
        assert net == pytest.approx(expected, abs=0.02)
        promoted += bool(promo_id)
    assert 0.1 < promoted / len(sound_lines) < 0.4


def test_promotions_lift_more_the_deeper_they_are(year: tuple[Plan, list[StockDay]]) -> None:
    plan, days = year
    units = weekly(days)
    cells = plan.executed[week_of(START) - plan.first :][: len(units)]
    depth = plan.depth[week_of(START) - plan.first :][: len(units)]
    steady = units.mean(axis=0) > 50
    usual = np.where(cells < 0, units, np.nan)
    with np.errstate(invalid="ignore"):
        ratio = units / np.nanmean(usual, axis=0)
    lift = {
        share: ratio[(cells >= 0) & steady[None] & np.isclose(depth, share)].mean()
        for share in (0.10, 0.20, 0.25, 0.40)
    }
    assert 1.1 < lift[0.10] < lift[0.20] < lift[0.25] < lift[0.40] < 4
    assert 0.10 < (cells >= 0).mean() < 0.22


def test_neighbours_of_a_promotion_lose(year: tuple[Plan, list[StockDay]]) -> None:
    profile = Profile(START, END)
    plan, _ = year
    catalogue = Catalogue(profile)
    demand = Demand(profile, catalogue, plan)
    loss = demand._cannibalised(plan.log_lift(np.full(profile.skus, 2.0)))
    assert loss.max() <= 0
    assert -0.35 < loss[loss < 0].mean() < -0.02


def test_stock_runs_day_to_day_and_an_empty_shelf_sells_no_more(year: tuple[Plan, list[StockDay]]) -> None:
    _, days = year
    for day in days:
        assert (day.opening - day.sold == day.closing).all()
        assert (day.closing >= 0).all()
        assert (day.closing[day.lost > 0] == 0).all()
        assert (day.sold[~day.on_sale] == 0).all()
    on_sale = sum(int(day.on_sale.sum()) for day in days)
    empty = sum(int(((day.closing == 0) & day.on_sale).sum()) for day in days)
    assert 0.001 < empty / on_sale < 0.02
    assert sum(int(day.lost.sum()) for day in days) > 0


def test_inventory_shows_the_sold_units_of_the_orders(demo_sized_history: History) -> None:
    day = demo_sized_history.profile.start + timedelta(days=3)
    prefix = f"raw/sap/sales_orders/year={day.year}/month={day.month:02d}/day={day.day:02d}/"
    assert demo_sized_history.under(prefix)
    stock_key = prefix.replace("sales_orders", "inventory") + "part-00000.parquet"
    stock = demo_sized_history.files[stock_key]
    left: Counter[tuple[str, str]] = Counter()
    names = ("sku_code", "region_code", "opening_stock", "closing_stock", "snapshot_date")
    for sku, region, opening, closing, at in zip(*(stock[name].to_pylist() for name in names), strict=True):
        if region and str(at) == day.isoformat() and "#" not in sku:
            left[sku.strip().upper(), region] = int(opening) - int(closing)
    sold: Counter[tuple[str, str]] = Counter()
    for line in demo_sized_history.sales_by_day[day]:
        if not line.reason and line.values["order_date"] == day.isoformat():
            sold[line.values["sku_code"], line.values["region_code"]] += int(line.values["quantity"])
    close = [key for key, units in left.items() if abs(sold[key] - units) <= 0.02 * max(units, 1)]
    assert len(close) / len(left) > 0.9
    assert sum(sold.values()) == pytest.approx(sum(left.values()), rel=0.03)


def test_the_festive_season_and_the_summer_are_seen(year: tuple[Plan, list[StockDay]]) -> None:
    _, days = year
    units = weekly(days)
    iso = np.array([monday(week_of(START) + n).isocalendar().week for n in range(len(units))])
    festive, usual = units[(iso >= 41) & (iso <= 46)], units[(iso >= 26) & (iso <= 36)]
    assert 1.08 < festive.sum(axis=(1, 2)).mean() / usual.sum(axis=(1, 2)).mean() < 1.5
    drinks = [3, 11, 19, 27, 35]
    summer, winter = units[(iso >= 17) & (iso <= 22)][:, drinks], units[(iso >= 49) | (iso <= 4)][:, drinks]
    assert summer.sum(axis=(1, 2)).mean() > 1.7 * winter.sum(axis=(1, 2)).mean()


def test_slow_movers_sell_on_few_days(year: tuple[Plan, list[StockDay]]) -> None:
    _, days = year
    selling = np.stack([day.sold for day in days])[:, [5, 25]] > 0
    assert 0.02 < selling.mean() < 0.5


def test_limited_editions_come_and_go() -> None:
    profile = Profile(date(2023, 5, 1), date(2025, 6, 19))
    catalogue = Catalogue(profile)
    slots = [slot for slot in catalogue.slots if slot.is_rotating]
    days = [profile.start + timedelta(days=n) for n in range(profile.days)]
    editions = [sku for slot in slots for day in days if (sku := catalogue.sku_in(slot, day))]
    assert len(slots) == 4
    assert 8 <= len({sku.code for sku in editions}) <= 12
    assert {sku.launch.weekday() for sku in editions} == {2}
