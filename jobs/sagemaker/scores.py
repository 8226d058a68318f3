"""How good forecasts were, pooled over rows."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from jobs.sagemaker.panel import Floats

COVERAGE = 0.8
QUANTILES = {"lower": 0.1, "predicted_units": 0.5, "upper": 0.9}


def wmape(actual: Floats, forecast: Floats) -> float:
    total = float(actual.sum())
    return float(np.abs(actual - forecast).sum()) / total if total > 0 else math.nan


def mape(actual: Floats, forecast: Floats) -> float:
    """Over weeks in which something was sold."""
    sold = actual > 0
    return float(np.mean(np.abs(actual - forecast)[sold] / actual[sold])) if sold.any() else math.nan


def bias(actual: Floats, forecast: Floats) -> float:
    """Above zero: forecast too high."""
    total = float(actual.sum())
    return float(forecast.sum() - total) / total if total > 0 else math.nan


def coverage(actual: Floats, lower: Floats, upper: Floats) -> float:
    return float(np.mean((lower <= actual) & (actual <= upper))) if len(actual) else math.nan


def outer(share: float, independent: int) -> float:
    """Conformal: of so many independent errors the bound lies one place further out than their plain quantile."""
    return min(1.0, float(np.ceil((independent + 1) * share)) / independent)


def pinball(actual: Floats, forecasts: dict[float, Floats]) -> float:
    """Mean over the quantiles, relative to the units sold."""
    total = float(actual.sum())
    losses = [
        np.maximum(quantile * (actual - forecast), (quantile - 1) * (actual - forecast)).sum()
        for quantile, forecast in forecasts.items()
    ]
    return float(np.mean(losses)) / total if total > 0 else math.nan


def point_scores(rows: pd.DataFrame, column: str = "predicted_units") -> dict[str, float | None]:
    actual, forecast = rows["actual_units"].to_numpy(float), rows[column].to_numpy(float)
    return {
        "wmape": rounded(wmape(actual, forecast)),
        "mape": rounded(mape(actual, forecast)),
        "bias": rounded(bias(actual, forecast)),
    }


def scores(rows: pd.DataFrame) -> dict[str, float | None]:
    """Of rows with actual_units, predicted_units, lower and upper."""
    actual = rows["actual_units"].to_numpy(float)
    forecasts = {quantile: rows[name].to_numpy(float) for name, quantile in QUANTILES.items()}
    return {
        **point_scores(rows),
        "coverage80": rounded(coverage(actual, forecasts[0.1], forecasts[0.9])),
        "pinball": rounded(pinball(actual, forecasts)),
    }


def rounded(value: float) -> float | None:
    """JSON has no NaN: what cannot be computed is null."""
    return None if math.isnan(value) else round(value, 6)
