"""A feature table of a world whose promotions and season are known, small enough to train on in a second."""

from __future__ import annotations

import os

# Before xgboost is imported: beside other work, threads that busy-wait for each other take ten times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import pandas as pd
import pytest

from jobs.demand_columns import LAGS, MEANS, PLAN, STATE
from jobs.sagemaker.trees import Settings

WEEKS, HORIZON = 90, 4
FIRST = np.datetime64("2023-01-02")
LIFT = {"price_off": 2.0, "display": 1.4}
QUICK = Settings(horizon_weeks=HORIZON, rounds=60, depth=4, learning_rate=0.15, most_samples=12_000)


def made_features(seed: int = 3, series: int = 24) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    frames = [_series(draw, number) for number in range(series)]
    return pd.concat(frames, ignore_index=True)


def _series(draw: np.random.Generator, number: int) -> pd.DataFrame:
    weeks = np.arange(WEEKS + HORIZON)
    promoted = draw.random(len(weeks)) < 0.2
    kind = np.where(draw.random(len(weeks)) < 0.5, "price_off", "display")
    lift = np.where(promoted, np.where(kind == "price_off", LIFT["price_off"], LIFT["display"]), 1.0)
    base = 5.0 * (1 + number % 8) * (1 + 0.2 * np.sin(2 * np.pi * weeks / 52))
    units = draw.poisson(base * lift).astype(float)
    units[WEEKS:] = np.nan
    frame = pd.DataFrame(
        {
            "sku_code": f"S-{number % 12:02d}",
            "region_code": f"R-{number // 12}",
            "week": FIRST + weeks.astype("timedelta64[W]"),
            "category": "Tea" if number % 2 else "Soap",
            "units": units,
            "is_promoted": promoted,
            "promo_type": np.where(promoted, kind, None),
            "is_future": weeks >= WEEKS,
            "is_stockout": False,
            "contradicts": False,
            "step": np.maximum(weeks - WEEKS + 1, 1),
            "model_type": "model",
        }
    )
    plan = {name: np.nan for name in PLAN if name not in frame}
    state = {name: _state(frame, name) for name in STATE}
    frame = pd.concat([frame, pd.DataFrame(plan, index=frame.index), pd.DataFrame(state)], axis=1)
    frame["calendar_trust"] = 1.0
    frame["discount"] = np.where(promoted & (kind == "price_off"), 0.25, np.nan)
    frame["year_ago_units"] = frame["units"].shift(52)
    frame["iso_week"] = pd.to_datetime(frame["week"]).dt.isocalendar().week.astype(float)
    frame.loc[frame["is_future"], list(STATE)] = frame.loc[WEEKS, list(STATE)].to_numpy(float)
    return frame


def _state(frame: pd.DataFrame, name: str) -> pd.Series:
    """Of the weeks before, as the feature job has it; what the tests do not turn on is missing."""
    before = frame["units"].shift(1)
    normal = frame["units"].where(~frame["is_promoted"]).shift(1)
    if name.startswith("lag_") and int(name[4:]) in LAGS:
        return frame["units"].shift(int(name[4:]))
    if name.startswith("mean_") and int(name[5:]) in MEANS:
        return before.rolling(int(name[5:]), min_periods=1).mean()
    known = {
        "base_units": normal.rolling(13, min_periods=3).mean(),
        "weeks_known": pd.Series(np.minimum(np.arange(len(frame)), WEEKS), dtype=float),
        "profile_units": before.rolling(13, min_periods=1).mean(),
        "category_lift": pd.Series(0.5, index=frame.index),
        **dict.fromkeys(
            ("usual_price", "usual_price_26", "regular_price"), pd.Series(10.0, index=frame.index)
        ),
    }
    return known.get(name, pd.Series(np.nan, index=frame.index)).astype(float)


@pytest.fixture(scope="session")
def features() -> pd.DataFrame:
    return made_features()
