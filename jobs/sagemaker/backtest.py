"""Rolling origins: at each, a model of what was known then, and the naive methods on the same rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from jobs.demand_columns import MODEL
from jobs.sagemaker.candidates import METHODS, SLOW, STEADY, Choice, forecasts_of, is_slow
from jobs.sagemaker.forecaster import LEAST_CALIBRATION_WEEKS, Fits
from jobs.sagemaker.panel import FeaturesError, Flags, Panel
from jobs.sagemaker.scores import coverage, point_scores, rounded, scores
from jobs.sagemaker.sums import LEVELS, summed
from jobs.sagemaker.trees import Settings

NAIVE = ("seasonal_naive", "mean4")
LEAST_TRAINING_WEEKS = 20


def origins(panel: Panel, horizon: int, count: int) -> list[int]:
    """The last ones whose horizon is over, a horizon apart where history allows it, closer where it does not."""
    last = len(panel.weeks) - horizon
    first = max(LEAST_TRAINING_WEEKS, 8) + max(horizon, LEAST_CALIBRATION_WEEKS)
    if last - first < count - 1:
        raise FeaturesError(
            f"{len(panel.weeks)} weeks of history are too few for {count} origins of {horizon} weeks: "
            f"{first + count - 1 + horizon} are needed"
        )
    apart = min(horizon, (last - first) // (count - 1)) if count > 1 else 0
    return [last - apart * number for number in reversed(range(count))]


def backtest(panel: Panel, settings: Settings, at: Sequence[int]) -> pd.DataFrame:
    """Every (series, week) of every origin, with the actual units, ours and the naive forecasts."""
    fits = Fits(panel, settings, settings.horizon_weeks)
    return pd.concat([_of_origin(panel, fits, origin) for origin in at], ignore_index=True)


def _of_origin(panel: Panel, fits: Fits, origin: int) -> pd.DataFrame:
    targets = range(origin, origin + fits.settings.horizon_weeks)
    known = ~np.isnan(panel.units[:, origin : targets.stop])
    series, step = np.nonzero(known & ~np.isnan(panel.values["weeks_known"][:, [origin]]))
    target, start = origin + step, np.full(len(series), origin)
    columns = panel.gathered(series, start, target)
    model_type = panel.model_type[series, origin]
    forecaster = fits.at(origin)
    forecast = forecaster.predict(columns, model_type)
    slow = is_slow(columns)
    rows = pd.concat([panel.series.iloc[series].reset_index(drop=True), forecast], axis=1)
    return rows.assign(
        week=panel.weeks[target],
        origin=panel.weeks[origin],
        step=step + 1,
        actual_units=panel.units[series, target],
        seasonal_naive=_or_zero(columns["year_ago_units"]),
        year_ago_known=~np.isnan(columns["year_ago_units"].astype(np.float64)),
        mean4=_or_zero(columns["mean_4"]),
        model_type=model_type,
        is_promoted=columns["is_promoted"].astype(float) > 0,
        kind=np.where(slow, SLOW, STEADY),
        **forecasts_of(forecaster.trees, columns),
        **_weighing(forecaster.calibration.choices, slow),
        **{f"together_{level}": share for level, share in forecaster.calibration.together.items()},
    )


def _weighing(choices: dict[str, Choice], slow: Flags) -> dict[str, Any]:
    """What the weights of each row are, and what they were chosen by."""
    of_slow, of_steady = (_told(choices[kind]) for kind in (SLOW, STEADY))
    return {name: np.where(slow, of_slow[name], of_steady[name]) for name in of_slow}


def _told(choice: Choice) -> dict[str, float]:
    return {
        **{f"weight_{method}": weight for method, weight in zip(METHODS, choice.weights, strict=True)},
        **{f"best_{method}": weight for method, weight in zip(METHODS, choice.best, strict=True)},
        **{f"unseen_{method}": error for method, error in choice.wmape.items()},
        "unseen_unproven": choice.unproven,
        "unseen_weeks": choice.weeks,
        "gain": choice.gain,
        "gain_needed": np.nan if choice.needed is None else choice.needed,
    }


def _or_zero(values: Any) -> Any:
    """A series that was not sold a year ago gets what a seasonal naive planner would put down: nothing."""
    return np.nan_to_num(np.asarray(values, dtype=np.float64))


def evaluation(rows: pd.DataFrame) -> dict[str, Any]:
    known = rows[rows["year_ago_known"]]
    return {
        "model": scores(rows),
        **{name: point_scores(rows, name) for name in NAIVE},
        "year_ago_known": rounded(float(rows["year_ago_known"].mean())),
        "where_year_ago_known": {
            "model": point_scores(known),
            "seasonal_naive": point_scores(known, "seasonal_naive"),
        },
        "rows": len(rows),
        "series": len(rows[["sku_code", "region_code"]].drop_duplicates()),
        "origins": [str(day)[:10] for day in sorted(rows["origin"].unique())],
        "by_origin": {name[:10]: found for name, found in _by(rows, "origin").items()},
        "by_level": {name: _of_level(rows, name, by) for name, by in LEVELS.items()},
        "methods": _methods(rows),
        "by_category": _by(rows, "category"),
        "by_region": _by(rows, "region_code"),
        "by_lead_time": _by(rows, "step"),
        "promoted": _of(rows[rows["is_promoted"]]),
        "not_promoted": _of(rows[~rows["is_promoted"]]),
        "actual_units": rounded(float(rows["actual_units"].sum())),
    }


def _of_level(rows: pd.DataFrame, level: str, by: list[str]) -> dict[str, Any]:
    """Bounds of each origin's sums are of the share that was known there."""
    shares = rows.groupby("origin")[f"together_{level}"].first()
    sums = pd.concat(
        summed(part, [*by, "origin", "week"], float(shares[day])) for day, part in rows.groupby("origin")
    )
    found = point_scores(sums)
    inside = coverage(*(sums[name].to_numpy(float) for name in ("actual_units", "lower", "upper")))
    return {
        **{name: found[name] for name in ("wmape", "bias")},
        "coverage80": rounded(inside),
        "together": {str(day)[:10]: round(float(share), 3) for day, share in shares.items()},
    }


def _methods(rows: pd.DataFrame) -> dict[str, Any]:
    """By kind of series: each method's own error at the origins, before calibration, and why it had its weight at each."""
    modelled = rows[rows["model_type"] == MODEL]
    return {
        str(kind): {
            "wmape": {method: point_scores(group, method)["wmape"] for method in METHODS},
            "by_origin": {str(day)[:10]: _chosen_by(part.iloc[0]) for day, part in group.groupby("origin")},
        }
        for kind, group in modelled.groupby("kind")
    }


def _chosen_by(row: pd.Series[Any]) -> dict[str, Any]:
    """All of it of the weeks before the origin, which the trees that were weighed had not seen."""
    return {
        "weights": {method: float(row[f"weight_{method}"]) for method in METHODS},
        "wmape": {method: rounded(float(row[f"unseen_{method}"])) for method in METHODS},
        "wmape_unproven": rounded(float(row["unseen_unproven"])),
        "best_other": {method: float(row[f"best_{method}"]) for method in METHODS},
        "gain": rounded(float(row["gain"])),
        "gain_needed": rounded(float(row["gain_needed"])),
        "weeks": int(row["unseen_weeks"]),
    }


def _by(rows: pd.DataFrame, column: str) -> dict[str, Any]:
    groups: Iterable[tuple[Any, pd.DataFrame]] = rows.groupby(column, sort=True)
    return {str(name): _of(group) for name, group in groups}


def _of(rows: pd.DataFrame) -> dict[str, Any]:
    naive = {name: point_scores(rows, name)["wmape"] for name in NAIVE}
    return {**scores(rows), **{f"{name}_wmape": value for name, value in naive.items()}, "rows": len(rows)}
