"""The forecast's benchmark: its figures against figures computed from the raw files, and peers that are no straw men."""

from __future__ import annotations

import argparse
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession
from statsforecast.models import AutoETS

from bench.forecast import _asked, _mondays, compare
from bench.forecast_features import Asked
from bench.forecast_peers import PEERS, peers_table
from jobs.glue import session
from tests.jobs.sagemaker.conftest import HORIZON, made_features

FIRST = date(2023, 1, 2)
WEEKS = 80
ORIGIN = FIRST + timedelta(weeks=WEEKS - 4)


def raw_files(folder: Path) -> dict[str, Path]:
    """Sales orders and a calendar of sixteen series, in codes that the contract spells otherwise."""
    draw = np.random.default_rng(11)
    sales: list[dict[str, Any]] = []
    promotions: list[dict[str, Any]] = []
    for number in range(16):
        sku, region = f"sku-{number % 8}", f"r{number // 8}"
        for week in range(WEEKS):
            day = FIRST + timedelta(weeks=week)
            promoted = draw.random() < 0.2
            units = int(draw.poisson((8 + 4 * (number % 8)) * (2 if promoted else 1)))
            price = 7.5 if promoted else 10.0
            line = {"sku_code": sku, "customer_id": "C", "region_code": region, "channel": "Modern Trade"}
            if units:
                line |= {"order_id": f"{region}-{week}", "quantity": units, "net_revenue": units * price}
                sales.append(line | {"order_date": day + timedelta(days=number % 7)})
            if promoted:
                promotions.append(
                    {"promo_id": "P", "sku_code": sku, "region_code": region, "week": day, "promo_type": "price_off",
                     "promo_discount_pct": 0.25, "is_promoted": True}
                )  # fmt: skip
    folder.mkdir()
    files = {"sales": folder / "sales.parquet", "promotions": folder / "promotions.parquet"}
    pd.DataFrame(sales).to_parquet(files["sales"], index=False)
    pd.DataFrame(promotions).to_parquet(files["promotions"], index=False)
    return files


@pytest.mark.spark
def test_figures_are_those_of_the_files(spark: SparkSession, tmp_path: Path) -> None:
    session.configure(spark)
    methods = ["ours", "mean4"]
    files = raw_files(tmp_path / "one")
    asked = Asked(files, 4, [ORIGIN], 60)
    found = compare(asked, lambda: spark, methods, tmp_path / "one.parquet", tmp_path / "kept")

    sales = pd.read_parquet(files["sales"])
    day = pd.to_datetime(sales["order_date"])
    sales["week"] = day - pd.to_timedelta(day.dt.day_of_week, "D")
    units = sales.pivot_table(
        index=["sku_code", "region_code"], columns="week", values="quantity", aggfunc="sum"
    ).fillna(0)
    origin = pd.Timestamp(ORIGIN)
    ahead, before = units.loc[:, units.columns >= origin], units.loc[:, units.columns < origin]
    mean = before.iloc[:, -4:].mean(axis=1)
    error = ahead.sub(mean, axis=0).abs().to_numpy().sum() / ahead.to_numpy().sum()
    assert found["mean4"]["wmape"] == pytest.approx(error, abs=1e-6)
    assert found["mean4"]["bias"] == pytest.approx(4 * mean.sum() / ahead.to_numpy().sum() - 1, abs=1e-6)

    out = pd.read_parquet(tmp_path / "one.parquet")
    assert list(out.columns) == [
        "sku_code", "region_code", "forecast_week", "origin", "predicted_units", "lower", "upper",
    ]  # fmt: skip
    assert len(out) == 16 * 4
    assert set(out["origin"]) == {ORIGIN}
    actual = [
        ahead.loc[(row.sku_code, row.region_code), pd.Timestamp(row.forecast_week)]
        for row in out.itertuples()
    ]
    assert found["ours"]["wmape"] == pytest.approx(
        np.abs(out["predicted_units"] - actual).sum() / sum(actual), abs=1e-6
    )
    assert found["ours"]["wmape"] < found["mean4"]["wmape"]
    assert found["ours"]["features_seconds"] == found["mean4"]["features_seconds"] > 0.5

    again = compare(asked, _no_session, ["mean4"], kept=tmp_path / "kept")
    assert again["mean4"]["wmape"] == found["mean4"]["wmape"]
    assert again["mean4"]["by_origin"][ORIGIN.isoformat()]["wmape"] == found["mean4"]["wmape"]


def _no_session() -> SparkSession:
    raise AssertionError("the tables are kept: nothing is left for Spark to do")


def test_a_folder_says_what_is_asked_unless_an_option_does(tmp_path: Path) -> None:
    for name in ("sales", "promotions"):
        (tmp_path / f"{name}.parquet").touch()
    (tmp_path / "meta.json").write_text('{"horizon_weeks": 8, "origins": ["2025-01-06"]}')
    names = ("data", "sales", "promotions", "sku", "horizon_weeks", "origins", "minimum_weeks")
    given = argparse.Namespace(**dict.fromkeys(names) | {"data": tmp_path, "minimum_weeks": 30})
    asked = _asked(argparse.ArgumentParser(), given)
    assert asked.files == {name: tmp_path / f"{name}.parquet" for name in ("sales", "promotions")}
    assert (asked.horizon, asked.origins) == (8, [date(2025, 1, 6)])
    given.horizon_weeks = 4
    assert _asked(argparse.ArgumentParser(), given).horizon == 4
    given.data = None
    with pytest.raises(SystemExit):
        _asked(argparse.ArgumentParser(), given)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    features = made_features(series=8)
    return peers_table(features.assign(price=np.where(features["discount"].notna(), 7.5, 10.0)))


@pytest.mark.parametrize("name", list(PEERS))
def test_every_peer_forecasts_every_row(table: pd.DataFrame, name: str) -> None:
    found = PEERS[name](table)
    assert len(found) == 8 * HORIZON == len(found[["unique_id", "ds"]].drop_duplicates())
    assert np.isfinite(found["forecast"]).all()
    assert (found["forecast"] >= 0).all()


@pytest.mark.parametrize("name", ["xgboost_plain", "mlforecast_lgbm"])
def test_the_learning_peers_see_what_is_planned(table: pd.DataFrame, name: str) -> None:
    ahead = table["is_future"]

    def planned(promoted: int, kind: int, discount: float) -> pd.DataFrame:
        plan = {"is_promoted": promoted, "kind": kind, "discount": discount, "price": 10.0 * (1 - discount)}
        return table.assign(**{column: table[column].where(~ahead, value) for column, value in plan.items()})

    plain, deep = planned(0, 0, 0.0), planned(1, 2, 0.25)
    assert PEERS[name](deep)["forecast"].sum() > 1.3 * PEERS[name](plain)["forecast"].sum()


def test_the_price_ahead_is_the_usual_one_less_the_planned_discount(table: pd.DataFrame) -> None:
    ahead = table[table["is_future"]]
    np.testing.assert_allclose(ahead["price"], 10.0 * (1 - ahead["discount"]))
    assert ahead["discount"].max() == 0.25


@pytest.mark.parametrize(("season", "fitted"), [(52, "N"), (13, "A")])
def test_autoets_fits_no_season_of_a_year(season: int, fitted: str) -> None:
    """Were that to change, the peer ought to be given its season where there are two years."""
    weeks = np.arange(110)
    noise = np.random.default_rng(3).normal(0, 1, len(weeks))
    units = 50 + 30 * np.sin(2 * np.pi * weeks / season) + noise
    found = AutoETS(season_length=season).fit(units).model_["components"]
    assert found[2] == fitted


def test_an_origin_is_a_monday() -> None:
    assert _mondays("2025-01-06, 2025-04-07") == [date(2025, 1, 6), date(2025, 4, 7)]
    with pytest.raises(argparse.ArgumentTypeError, match="2025-01-07"):
        _mondays("2025-01-06,2025-01-07")
