"""Our forecast as bench.forecast makes it, the same without one of its corrections, and its sums by level."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from bench.forecast_features import KEYS
from jobs.sagemaker.candidates import UNPROVEN
from jobs.sagemaker.forecaster import Fits, Forecaster
from jobs.sagemaker.panel import columns_of, panel
from jobs.sagemaker.scores import coverage, rounded, wmape
from jobs.sagemaker.sums import LEVELS, summed
from jobs.sagemaker.train import furthest_step
from jobs.sagemaker.trees import Settings


def fitted(features: pd.DataFrame, settings: Settings) -> Forecaster:
    history = panel(features)
    return Fits(history, settings, furthest_step(features, settings)).at(len(history.weeks))


def forecast(forecaster: Forecaster, features: pd.DataFrame) -> pd.DataFrame:
    """Of the horizon's rows, with their category and how much each level's series err together."""
    future = features[features["is_future"].astype(bool)].sort_values(KEYS).reset_index(drop=True)
    found = forecaster.predict(columns_of(future), future["model_type"].to_numpy(dtype=object))
    together = {f"together_{level}": share for level, share in forecaster.calibration.together.items()}
    rows = pd.concat(
        [future[[*KEYS, "category"]], found.rename(columns={"predicted_units": "forecast"})], axis=1
    )
    return rows.assign(**together)


def without_lean(forecaster: Forecaster, features: pd.DataFrame) -> pd.DataFrame:
    """No factor is applied to what the methods forecast."""
    changed = replace(forecaster.calibration, bias=1.0, bias_levels=(0.0,), bias_factors=(1.0,))
    return forecast(replace(forecaster, calibration=changed), features)


def without_weights(forecaster: Forecaster, features: pd.DataFrame) -> pd.DataFrame:
    """Both views count half, whatever did better before; the correction of lean stays as it was measured."""
    choices = {
        kind: replace(choice, weights=UNPROVEN) for kind, choice in forecaster.calibration.choices.items()
    }
    return forecast(
        replace(forecaster, calibration=replace(forecaster.calibration, choices=choices)), features
    )


def without_trust(forecaster: Forecaster, features: pd.DataFrame) -> pd.DataFrame:
    """Every flag of the horizon is believed."""
    return forecast(forecaster, features.assign(calendar_trust=1.0))


ABLATIONS: dict[str, Callable[[Forecaster, pd.DataFrame], pd.DataFrame]] = {
    "without_lean": without_lean,
    "without_weights": without_weights,
    "without_trust": without_trust,
}


def by_level(rows: pd.DataFrame) -> dict[str, Any]:
    """Of each level's sums the error, and how many lie within their bounds, which are how wide over what was sold.

    `added` and `independent` are the same with bounds as if all errors were one, and as if they had nothing in common.
    """
    named = rows.rename(columns={"actual": "actual_units", "forecast": "predicted_units"})
    return {level: _of_level(named, level, by) for level, by in LEVELS.items()}


def _of_level(rows: pd.DataFrame, level: str, by: list[str]) -> dict[str, Any]:
    groups = [*by, "origin", "week"]
    sums = pd.concat(
        summed(part, groups, float(part[f"together_{level}"].iloc[0])) for _, part in rows.groupby("origin")
    )
    error = wmape(*(sums[name].to_numpy(float) for name in ("actual_units", "predicted_units")))
    return {
        "wmape": rounded(error),
        **_bounds(sums),
        "added": _bounds(summed(rows, groups, 1.0)),
        "independent": _bounds(summed(rows, groups, 0.0)),
    }


def _bounds(sums: pd.DataFrame) -> dict[str, float | None]:
    actual, lower, upper = (sums[name].to_numpy(float) for name in ("actual_units", "lower", "upper"))
    return {
        "coverage80": rounded(coverage(actual, lower, upper)),
        "width": rounded(float(np.sum(upper - lower) / actual.sum()) if actual.sum() > 0 else np.nan),
    }
