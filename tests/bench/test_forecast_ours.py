"""Ours without a correction is ours in all else; sums by level are those of the rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bench.forecast_ours import by_level, fitted, forecast, without_lean, without_trust, without_weights
from jobs.sagemaker.candidates import PLAIN, forecasts_of
from jobs.sagemaker.forecaster import Forecaster
from jobs.sagemaker.panel import columns_of
from jobs.sagemaker.trees import Settings
from tests.jobs.sagemaker.conftest import HORIZON, made_features

SMALL = 8


@pytest.fixture(scope="module")
def features() -> pd.DataFrame:
    """The horizon's last week is doubted."""
    made = made_features(series=SMALL)
    doubted = made["is_future"] & (made["step"] == HORIZON)
    return made.assign(
        calendar_trust=np.where(doubted, 0.5, 1.0),
        is_promoted=made["is_promoted"] | doubted,
        promo_type=made["promo_type"].where(~doubted, "price_off"),
        discount=made["discount"].where(~doubted, 0.25),
    )


@pytest.fixture(scope="module")
def corrected(features: pd.DataFrame) -> Forecaster:
    """Forecasts are a quarter higher than the plain method's alone."""
    found = fitted(features, Settings(HORIZON, rounds=20, depth=4, most_samples=3000))
    choices = {
        kind: replace(choice, weights=(0.0, 0.0, 1.0)) for kind, choice in found.calibration.choices.items()
    }
    return replace(
        found,
        calibration=replace(
            found.calibration, choices=choices, bias=1.25, bias_levels=(0.0,), bias_factors=(1.25,)
        ),
    )


def ahead(features: pd.DataFrame) -> pd.DataFrame:
    return features[features["is_future"]].sort_values(["sku_code", "region_code", "week"])


def test_each_correction_is_left_out_alone(features: pd.DataFrame, corrected: Forecaster) -> None:
    methods = forecasts_of(corrected.trees, columns_of(ahead(features)))
    half = np.sqrt((methods["wide"] + 0.5) * (methods["narrow"] + 0.5)) - 0.5
    np.testing.assert_allclose(forecast(corrected, features)["forecast"], 1.25 * methods[PLAIN])
    np.testing.assert_allclose(without_lean(corrected, features)["forecast"], methods[PLAIN])
    np.testing.assert_allclose(without_weights(corrected, features)["forecast"], 1.25 * half)


def test_without_trust_the_doubted_week_alone_changes(features: pd.DataFrame, corrected: Forecaster) -> None:
    one, other = forecast(corrected, features), without_trust(corrected, features)
    doubted = (ahead(features)["step"] == HORIZON).to_numpy()
    np.testing.assert_array_equal(one["forecast"][~doubted], other["forecast"][~doubted])
    assert (other["forecast"][doubted] > one["forecast"][doubted]).all()


def test_sums_and_their_bounds_are_those_of_the_rows() -> None:
    """Two articles in two regions in a week: each 10 sold, forecasts of 12, 8, 12 and 12, bounds 3 below and 4 above."""
    rows = pd.DataFrame(
        {
            "sku_code": ["A", "A", "B", "B"],
            "region_code": ["N", "S", "N", "S"],
            "category": "Tea",
            "week": pd.Timestamp("2025-01-06"),
            "origin": pd.Timestamp("2025-01-06"),
            "forecast": [12.0, 8.0, 12.0, 12.0],
            "actual": 10.0,
            **{f"together_{level}": 0.5 for level in ("sku_region", "sku", "category_region")},
            **{f"together_{level}": 0.5 for level in ("category", "region", "total")},
        }
    )
    found = by_level(rows.assign(lower=rows["forecast"] - 3, upper=rows["forecast"] + 4))
    assert found["sku_region"]["wmape"] == pytest.approx(8 / 40)
    assert (found["sku_region"]["coverage80"], found["sku_region"]["width"]) == (1.0, 0.7)
    assert found["sku"]["wmape"] == pytest.approx(4 / 40)  # A: 20 for 20; B: 24 for 20
    assert found["total"]["wmape"] == pytest.approx(4 / 40)
    # Of four, distances of 12 and 16 if they add, half of that as squares; between them the root of the mean square.
    assert found["total"]["added"]["width"] == pytest.approx(28 / 40)
    assert found["total"]["independent"]["width"] == pytest.approx(14 / 40)
    assert found["total"]["width"] == pytest.approx(
        (np.sqrt((36 + 144) / 2) + np.sqrt((64 + 256) / 2)) / 40, abs=1e-6
    )
    assert [found["total"][bounds]["coverage80"] for bounds in ("added", "independent")] == [1.0, 1.0]
    far = by_level(rows.assign(actual=4.0, lower=rows["forecast"] - 3, upper=rows["forecast"] + 4))
    assert found["total"]["coverage80"] == 1.0
    assert (far["total"]["coverage80"], far["total"]["added"]["coverage80"]) == (0.0, 0.0)
    assert far["sku_region"]["coverage80"] == 0.0
