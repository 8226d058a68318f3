"""Bounds of sums lie between those of errors that have nothing to do with each other and those of one common error."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jobs.sagemaker.sums import LEVELS, measured_shares, summed

REGIONS, WEEKS = 25, 200


def row(sku: str, region: str, forecast: float, lower: float, upper: float) -> dict[str, object]:
    bounds = {"predicted_units": forecast, "lower": lower, "upper": upper}
    return {"sku_code": sku, "region_code": region, "week": 1, **bounds}


TWO = pd.DataFrame([row("A", "N", 10.0, 7.0, 16.0), row("A", "S", 20.0, 16.0, 28.0)])


@pytest.mark.parametrize(
    ("share", "lower", "upper"),
    [(0.0, 25.0, 40.0), (1.0, 23.0, 44.0), (0.5, 30 - np.sqrt(37), 30 + np.sqrt(148))],
)
def test_distances_add_as_squares_as_they_are_or_between(share: float, lower: float, upper: float) -> None:
    (found,) = summed(TWO, ["sku_code", "week"], share).itertuples()
    assert (found.predicted_units, found.lower, found.upper) == pytest.approx((30.0, lower, upper))


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_bounds_of_one_series_stay_its_own(share: float) -> None:
    found = summed(TWO, ["sku_code", "region_code", "week"], share).reset_index()
    pd.testing.assert_frame_equal(found[TWO.columns], TWO)


def test_a_sum_is_not_below_nothing() -> None:
    nothing = TWO.assign(lower=[-1000.0, 0.0])
    assert summed(nothing, ["week"], 1.0)["lower"].tolist() == [0.0]


def measured(common: float) -> tuple[dict[str, float], pd.DataFrame]:
    """One article in 25 regions; `common` is the share of errors' variance that all have alike. Bounds hold eight in ten."""
    draw = np.random.default_rng(3)
    week, region = np.divmod(np.arange(WEEKS * REGIONS), REGIONS)
    error = np.sqrt(common) * draw.normal(size=WEEKS)[week]
    error += np.sqrt(1 - common) * draw.normal(size=len(week))
    rows = pd.DataFrame(
        {
            "sku_code": "A",
            "region_code": region.astype(str),
            "category": "Tea",
            "origin": 0,
            "week": week,
            "actual_units": 100 + 10 * error,
            "predicted_units": 100.0,
            "lower": 100 - 12.816,
            "upper": 100 + 12.816,
        }
    )
    return measured_shares(rows, ["origin", "week"]), rows


@pytest.mark.parametrize("common", [0.0, 0.3, 1.0])
def test_the_share_is_what_errors_have_in_common_and_bounds_of_sums_hold_eight_in_ten(common: float) -> None:
    shares, rows = measured(common)
    assert shares["sku"] == pytest.approx(common, abs=0.1)
    sums = summed(rows, ["sku_code", "week"], shares["sku"])
    inside = sums["actual_units"].between(sums["lower"], sums["upper"]).mean()
    assert inside == pytest.approx(0.8, abs=0.02)


def test_a_level_of_single_series_needs_no_share() -> None:
    shares, _ = measured(0.3)
    assert set(shares) == set(LEVELS)
    assert shares["sku_region"] == shares["region"] == 1.0
