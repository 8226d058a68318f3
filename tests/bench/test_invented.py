"""The invented worlds are what their names say, of their contracts, and the same each time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bench import frequent
from bench.invented import ARTICLES, KINDS, REGIONS, WEEKS, tables
from contracts.catalog import contract


@pytest.mark.parametrize("kind", KINDS)
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


def test_the_frequent_world_is_made_of_promotions_of_few_articles() -> None:
    world = tables("frequent")
    weekly, calendar = _weekly(world["sales"]).reset_index(), world["promotions"]
    calendar["week"] = pd.to_datetime(calendar["week"]).dt.to_period("W-SUN")
    false_week = sorted(weekly["week"].unique())[frequent.FALSE_WEEK]
    cells = frequent.ARTICLES * frequent.REGIONS
    assert len(calendar) / (cells * frequent.WEEKS) == pytest.approx(0.45, abs=0.1)
    assert (calendar["week"] == false_week).sum() == cells
    assert (calendar["promo_discount_pct"] < 0.05).mean() > 0.3
    by_article = weekly.groupby("sku_code")["quantity"].sum().sort_values(ascending=False)
    assert by_article.head(4).sum() > 0.7 * by_article.sum()

    joined = weekly.merge(calendar, on=["sku_code", "region_code", "week"], how="left")
    joined = joined[joined["week"] != false_week]
    joined["kind"] = joined["promo_type"].fillna("none")
    usual = (
        joined[joined["kind"] == "none"]
        .groupby(["sku_code", "region_code"])["quantity"]
        .median()
        .rename("usual")
    )
    joined = joined.merge(usual.reset_index())
    lift = joined["quantity"] / joined["usual"]
    deep = joined["promo_discount_pct"].between(0.14, 0.26)
    assert 4 < lift[deep & (joined["kind"] == "feature")].median() < 15
    assert (
        1.5
        < (
            lift[deep & (joined["kind"] == "feature")].median()
            / lift[deep & (joined["kind"] == "price_off")].median()
        )
        < 3
    )


def test_a_shock_of_an_article_hits_all_its_regions() -> None:
    """Of promoted weeks of one kind, what an article's regions have in common is most of what they differ by."""
    world = tables("frequent")
    weekly = _weekly(world["sales"]).reset_index()
    calendar = world["promotions"].assign(
        week=pd.to_datetime(world["promotions"]["week"]).dt.to_period("W-SUN")
    )
    featured = weekly.merge(calendar[calendar["promo_type"] == "feature"])
    featured["log"] = np.log(featured["quantity"])
    featured["log"] -= featured.groupby(["sku_code", "region_code"])["log"].transform("mean")
    shared = featured.groupby(["sku_code", "week"])["log"].transform("mean")
    assert shared.std() > 0.4
    assert shared.var() > 0.6 * featured["log"].var()
