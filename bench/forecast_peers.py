"""What a user would pick instead: AutoETS, mlforecast with LightGBM, XGBoost as tutorials have it, and the naive two.

Each gets what ours gets: every week of history that ours has, the calendar's planned promotions of the horizon's weeks
with their discount and kind, and prices. All see the product's feature table, so that none has to clean data of its own.
"""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import xgboost
from mlforecast import MLForecast
from mlforecast.lag_transforms import RollingMean, RollingStd
from statsforecast import StatsForecast
from statsforecast.models import AutoETS

THREADS = 2
SEED = 7
LEVEL = 80
COVARIATES = ("is_promoted", "discount", "kind", "price")
TUTORIAL_LAGS = (1, 2, 4, 8)
_ROLLING = 4


def peers_table(features: pd.DataFrame) -> pd.DataFrame:
    """History and horizon in the long form that the libraries want: unique_id, ds, y and the covariates.

    The price of a coming week is the usual price less the planned discount, which is how ours sees it.
    """
    table = features.sort_values(["sku_code", "region_code", "week"]).reset_index(drop=True)
    kinds = {kind: number + 1 for number, kind in enumerate(sorted(table["promo_type"].dropna().unique()))}
    promoted, discount = table["is_promoted"].astype(bool), table["discount"].astype("float64").fillna(0.0)
    usual = table["usual_price"].astype("float64")
    price = table["price"].astype("float64").where(~table["is_future"].astype(bool))
    fallback = usual * (1 - discount)
    found = pd.DataFrame(
        {
            "unique_id": table["sku_code"] + "|" + table["region_code"],
            "ds": pd.to_datetime(table["week"]),
            "y": table["units"].astype("float64"),
            "is_promoted": promoted.astype("int64"),
            "discount": discount,
            "kind": table["promo_type"].map(kinds).fillna(0).astype("int64"),
            "price": price.fillna(fallback).fillna(0.0),
            "is_future": table["is_future"].astype(bool),
        }
    )
    return found.sort_values(["unique_id", "ds"]).reset_index(drop=True)


def seasonal_naive(table: pd.DataFrame) -> pd.DataFrame:
    history = table[~table["is_future"]].set_index(["unique_id", "ds"])["y"]
    future = table.loc[table["is_future"], ["unique_id", "ds"]]
    keys = pd.MultiIndex.from_arrays([future["unique_id"], future["ds"] - pd.Timedelta(weeks=52)])
    return future.assign(forecast=history.reindex(keys).fillna(0.0).to_numpy())


def mean4(table: pd.DataFrame) -> pd.DataFrame:
    means = table[~table["is_future"]].groupby("unique_id")["y"].apply(lambda units: units.tail(4).mean())
    future = table.loc[table["is_future"], ["unique_id", "ds"]]
    return future.assign(forecast=future["unique_id"].map(means).fillna(0.0).to_numpy())


def autoets(table: pd.DataFrame) -> pd.DataFrame:
    """Without a season, however long the history: AutoETS leaves out one of more than 24 periods, and a year has 52."""
    history = table.loc[~table["is_future"], ["unique_id", "ds", "y"]]
    horizon = int(table[table["is_future"]].groupby("unique_id").size().max())
    engine = StatsForecast(models=[AutoETS(season_length=1)], freq="W-MON", n_jobs=1)
    found = engine.forecast(df=history, h=horizon, level=[LEVEL])
    names = {"AutoETS": "forecast", f"AutoETS-lo-{LEVEL}": "lower", f"AutoETS-hi-{LEVEL}": "upper"}
    return _of_future(table, found.rename(columns=names), [*names.values()])


def mlforecast_lgbm(table: pd.DataFrame) -> pd.DataFrame:
    columns = ["unique_id", "ds", "y", *COVARIATES]
    history = table.loc[~table["is_future"], columns].assign(kind=lambda t: t["kind"].astype("category"))
    horizon = int(table[table["is_future"]].groupby("unique_id").size().max())
    model = lightgbm.LGBMRegressor(
        n_estimators=300, learning_rate=0.05, num_leaves=31, num_threads=THREADS, random_state=SEED, verbosity=-1,
        deterministic=True, force_col_wise=True,
    )  # fmt: skip
    engine = MLForecast(
        models={"lgbm": model},
        freq="W-MON",
        lags=[1, 2, 4, 8, 13, 52] if history["ds"].nunique() > 70 else [1, 2, 4, 8, 13],
        lag_transforms={
            1: [RollingMean(4, min_samples=1), RollingMean(13, min_samples=1), RollingStd(8, min_samples=2)]
        },
        date_features=["week", "month"],
    )
    engine.fit(history, static_features=[], dropna=False)
    future = table.loc[table["is_future"], ["unique_id", "ds", *COVARIATES]]
    known = future[future["unique_id"].isin(set(history["unique_id"]))]
    known = known.assign(kind=pd.Categorical(known["kind"], categories=history["kind"].cat.categories))
    found = engine.predict(h=horizon, X_df=known).rename(columns={"lgbm": "forecast"})
    return _of_future(table, found, ["forecast"])


def xgboost_plain(table: pd.DataFrame) -> pd.DataFrame:
    """Lags 1, 2, 4, 8, rolling mean and deviation, price and promotion; each week's forecast is the next one's lag."""
    wide = table.pivot(index="unique_id", columns="ds", values="y")
    weeks = list(wide.columns)
    first_future = table.loc[table["is_future"], "ds"].min()
    start = weeks.index(first_future)
    units = wide.to_numpy(dtype=np.float64).copy()
    covariates = [
        table.pivot(index="unique_id", columns="ds", values=name).to_numpy(float) for name in COVARIATES
    ]
    longest = max(TUTORIAL_LAGS)

    def features(week: int) -> Any:
        lags = [units[:, week - lag] for lag in TUTORIAL_LAGS]
        recent = units[:, week - _ROLLING : week]
        return np.column_stack(
            [*lags, recent.mean(axis=1), recent.std(axis=1), *(c[:, week] for c in covariates)]
        )

    train = range(longest, start)
    x, y = np.vstack([features(week) for week in train]), np.concatenate([units[:, week] for week in train])
    known = ~np.isnan(y)
    parameters = {
        "objective": "reg:squarederror",
        "max_depth": 6,
        "eta": 0.05,
        "nthread": THREADS,
        "seed": SEED,
    }
    booster = xgboost.train(parameters, xgboost.DMatrix(x[known], y[known], nthread=THREADS), 300)
    for week in range(start, len(weeks)):
        forecast = booster.predict(xgboost.DMatrix(features(week), nthread=THREADS)).astype(np.float64)
        units[:, week] = np.maximum(forecast, 0.0)
    ahead = weeks[start:]
    found = pd.DataFrame(
        {
            "unique_id": np.repeat(wide.index.to_numpy(), len(ahead)),
            "ds": np.tile(np.array(ahead, dtype="datetime64[ns]"), len(wide)),
            "forecast": units[:, start:].reshape(-1),
        }
    )
    return _of_future(table, found, ["forecast"])


def _of_future(table: pd.DataFrame, found: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """A series that a method cannot forecast is forecast as nothing; nothing is ever below nothing."""
    future = table.loc[table["is_future"], ["unique_id", "ds"]]
    rows = future.merge(found[["unique_id", "ds", *names]], on=["unique_id", "ds"], how="left")
    return rows.assign(**{name: rows[name].fillna(0.0).clip(lower=0.0) for name in names})


PEERS = {
    "xgboost_plain": xgboost_plain,
    "seasonal_naive": seasonal_naive,
    "mean4": mean4,
    "autoets": autoets,
    "mlforecast_lgbm": mlforecast_lgbm,
}
