"""The invented worlds are what their names say, of their contracts, and the same each time."""

from __future__ import annotations

import pandas as pd
import pytest

from bench.invented import ARTICLES, REGIONS, WEEKS, WORLDS, tables
from contracts.catalog import contract


@pytest.mark.parametrize("kind", sorted(WORLDS))
def test_a_world_is_the_same_each_time_and_keeps_its_contracts(kind: str) -> None:
    world, again = tables(kind), tables(kind)
    for name, dataset in (("sales", "sales"), ("promotions", "promotions"), ("sku", "sku")):
        pd.testing.assert_frame_equal(world[name], again[name])
        assert {column.name for column in contract(dataset).required} <= {*world[name].columns}
    assert (world["sales"]["quantity"] > 0).all()
    assert (world["sales"]["net_revenue"] > 0).all()
    assert (pd.to_datetime(world["promotions"]["week"]).dt.dayofweek == 0).all()


def _weekly(sales: pd.DataFrame) -> pd.DataFrame:
    week = pd.to_datetime(sales["order_date"]).dt.to_period("W-SUN").rename("week")
    return sales.groupby(["sku_code", "region_code", week])[["quantity", "net_revenue"]].sum()


def test_more_than_half_of_the_weeks_of_the_intermittent_world_sell_nothing() -> None:
    sold = len(_weekly(tables("intermittent")["sales"])) / (ARTICLES * REGIONS * WEEKS)
    assert 0.25 < sold < 0.5
    assert len(_weekly(tables("heavy")["sales"])) / (ARTICLES * REGIONS * WEEKS) > 0.95


@pytest.mark.parametrize(("kind", "told"), [("heavy", True), ("flagged", False)])
def test_the_price_tells_of_a_promotion_or_does_not(kind: str, told: bool) -> None:
    world = tables(kind)
    weekly = _weekly(world["sales"]).reset_index()
    weekly["price"] = weekly["net_revenue"] / weekly["quantity"]
    calendar = world["promotions"].assign(
        week=pd.to_datetime(world["promotions"]["week"]).dt.to_period("W-SUN")
    )
    promoted = weekly.merge(calendar, on=["sku_code", "region_code", "week"])
    usual = weekly.groupby(["sku_code", "region_code"])["price"].max().rename("usual").reset_index()
    cut = 1 - promoted.merge(usual)["price"] / promoted.merge(usual)["usual"]
    assert (cut > 0.05).mean() == pytest.approx(1.0 if told else 0.0, abs=0.02)
