"""A week whose calendar is doubted is forecast between the one with its flags and the one without; all others as ever."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jobs.sagemaker import train
from jobs.sagemaker.backtest import _of_origin
from jobs.sagemaker.candidates import METHODS, PLAIN, _plain, forecasts_of
from jobs.sagemaker.forecaster import Fits, Forecaster
from jobs.sagemaker.panel import Columns, Floats, columns_of, panel
from jobs.sagemaker.trust import trusted
from tests.jobs.sagemaker.conftest import HORIZON, QUICK, WEEKS

PLAN = ("is_promoted", "promos", "weeks_into_promotion", "competing_share", "competing_discount")


@pytest.fixture(scope="module")
def forecaster(features: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Forecaster:
    folder = tmp_path_factory.mktemp("model")
    train.train(features, QUICK, "2024-09-23", folder)
    return Forecaster.load(folder)


def horizon(features: pd.DataFrame, trust: object, flagged: bool = True) -> pd.DataFrame:
    rows = features[features["is_future"]].reset_index(drop=True)
    kind, discount = ("price_off", 0.25) if flagged else (None, np.nan)
    return rows.assign(
        calendar_trust=trust,
        promo_type=kind,
        discount=discount,
        planned_spend=np.nan,
        **dict.fromkeys(PLAN, 1.0 if flagged else 0.0),
    )


def forecast(forecaster: Forecaster, rows: pd.DataFrame) -> pd.DataFrame:
    return forecaster.predict(columns_of(rows), rows["model_type"].to_numpy(dtype=object))


def columns(**given: object) -> Columns:
    rows = len(np.asarray(given["calendar_trust"]))
    made = {name: np.ones(rows) for name in (*PLAN, "discount", "planned_spend")}
    return {
        **made,
        "promo_type": np.full(rows, "display", dtype=object),
        "lag_1": np.arange(rows, dtype=float),
        **{name: np.asarray(values, dtype=float) for name, values in given.items()},
    }


def tenfold(seen: Columns) -> dict[str, Floats]:
    """A promotion sells 99.5 instead of 9.5."""
    units = np.where(seen["is_promoted"].astype(float) > 0, 99.5, 9.5)
    return {"a": units, "b": 2 * units}


@pytest.mark.parametrize(
    ("trust", "units"),
    [(1.0, 99.5), (0.5, 10 * 10**0.5 - 0.5), (0.25, 10 * 10**0.25 - 0.5), (1e-9, 9.5), (np.nan, 99.5)],
)
def test_units_lie_between_by_logarithms(trust: float, units: float) -> None:
    assert trusted(tenfold, columns(calendar_trust=[trust]))["a"] == pytest.approx([units], abs=1e-6)


def test_nothing_goes_below_zero() -> None:
    none = {"a": np.zeros(2)}
    found = trusted(lambda seen: {"a": none["a"][: len(seen["lag_1"])]}, columns(calendar_trust=[0.3, 0.7]))
    assert found["a"].tolist() == [0.0, 0.0]


def test_the_week_without_flags_has_none_beside_it_either() -> None:
    asked: list[Columns] = []

    def method(seen: Columns) -> dict[str, Floats]:
        asked.append(seen)
        return tenfold(seen)

    given = columns(calendar_trust=[1.0, 0.6, np.nan, 0.4])
    trusted(method, given)
    whole, without = asked
    assert whole is given
    assert {name: without[name].tolist() for name in PLAN} == {name: [0.0, 0.0] for name in PLAN}
    assert np.isnan(without["discount"]).all()
    assert np.isnan(without["planned_spend"]).all()
    assert without["promo_type"].tolist() == [None, None]
    assert without["lag_1"].tolist() == [1.0, 3.0]  # what is no plan of the week stays


@pytest.mark.parametrize("trust", [1.0, np.nan])
def test_where_no_week_is_doubted_methods_are_asked_once_and_nothing_changes(
    features: pd.DataFrame, forecaster: Forecaster, trust: float
) -> None:
    given = columns_of(horizon(features, trust))
    expected = {**forecaster.trees.of_views(given), PLAIN: _plain(given)}
    found = forecasts_of(forecaster.trees, given)
    assert {name: found[name].tobytes() for name in METHODS} == {
        name: expected[name].tobytes() for name in METHODS
    }


@pytest.mark.parametrize("seed", range(3))
def test_rows_that_are_not_doubted_stay_and_the_others_lie_between(
    features: pd.DataFrame, forecaster: Forecaster, seed: int
) -> None:
    draw = np.random.default_rng(seed)
    rows = len(horizon(features, 1.0))
    doubted = draw.random(rows) < 0.5
    trust = np.where(doubted, draw.uniform(0.01, 0.99, rows), 1.0)
    believed, found = (forecast(forecaster, horizon(features, each)) for each in (1.0, trust))
    without = forecast(forecaster, horizon(features, 1.0, flagged=False))
    pd.testing.assert_frame_equal(found[~doubted], believed[~doubted], check_exact=True)
    units, most, least = (frame["predicted_units"][doubted] for frame in (found, believed, without))
    assert (units < most).all()
    assert (units > least).all()
    assert (found["lower"] <= found["predicted_units"]).all()
    assert (found["predicted_units"] <= found["upper"]).all()


def test_less_trust_is_less_of_the_promotion(features: pd.DataFrame, forecaster: Forecaster) -> None:
    sums = [
        forecast(forecaster, horizon(features, trust))["predicted_units"].sum()
        for trust in (1e-6, 0.25, 0.5, 0.75, 1.0)
    ]
    usual = forecast(forecaster, horizon(features, 1.0, flagged=False))["predicted_units"].sum()
    assert sums == sorted(sums)
    assert sums[0] == pytest.approx(usual, rel=1e-4)
    assert sums[2] == pytest.approx((sums[0] * sums[4]) ** 0.5, rel=0.05)


def test_a_profile_is_lifted_by_what_is_believed(features: pd.DataFrame, forecaster: Forecaster) -> None:
    def of_profile(trust: float) -> Floats:
        rows = horizon(features, trust).assign(model_type="category_profile")
        return forecast(forecaster, rows)["predicted_units"].to_numpy()

    usual = horizon(features, 1.0)["profile_units"].to_numpy()
    np.testing.assert_allclose(of_profile(0.4) / usual, np.exp(0.4 * 0.5))
    np.testing.assert_array_equal(of_profile(1.0), usual * np.exp(0.5))


def test_the_backtest_judges_what_the_horizon_would_get(features: pd.DataFrame) -> None:
    """A doubted week of the past is in the backtest as in a forecast, in the methods' own figures too."""
    week = pd.to_datetime(features["week"])
    false_week = week == week.sort_values().unique()[WEEKS - 2]
    flagged = features.assign(
        is_promoted=features["is_promoted"] | false_week,
        promo_type=features["promo_type"].where(~false_week, "price_off"),
        discount=features["discount"].where(~false_week, 0.25),
    )
    doubted = flagged.assign(calendar_trust=np.where(false_week, 0.5, 1.0))
    origin = WEEKS - HORIZON
    one, other = (
        _of_origin(history, Fits(history, QUICK, HORIZON), origin)
        for history in (panel(flagged), panel(doubted))
    )
    of_week = (one["week"] == np.datetime64(week[false_week].iloc[0])).to_numpy()
    names = ["predicted_units", "lower", "upper", *METHODS]
    pd.testing.assert_frame_equal(one.loc[~of_week, names], other.loc[~of_week, names], check_exact=True)
    assert (
        other.loc[of_week, ["predicted_units", *METHODS]] < one.loc[of_week, ["predicted_units", *METHODS]]
    ).all(axis=None)
