"""How far a forecast may be off, learned from weeks that the trees had not seen.

Trees fitted a horizon ago forecast the weeks since then. Their errors say by which factor forecasts lean to one side,
and, in units of the spread that a forecast of that size has anyway, between which bounds eight in ten actuals lie.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from jobs.sagemaker.candidates import Choice, Weights, forecasts_of, is_slow, mixed, weigh
from jobs.sagemaker.lean import lean
from jobs.sagemaker.panel import Columns, FeaturesError, Flags, Floats, Integers, Panel
from jobs.sagemaker.samples import LEAST_WEEKS_KNOWN, Samples, pairs
from jobs.sagemaker.scores import COVERAGE, outer
from jobs.sagemaker.sums import measured_shares
from jobs.sagemaker.trees import Trees

LEAST_IN_BIN = 400
LEAST_CELLS = 40
"""An article's rows of one week are much the same row, whatever region and origin: fewer of them tell nothing of a tail."""
_VOLUMES = 4
_STEPS = 3
Bounds = tuple[tuple[tuple[float, ...], ...], ...]


@dataclass(frozen=True)
class Calibration:
    """`choices` are the methods' weights by kind of series, and why.

    `low` and `high` are [promoted or not][volume bin][step bin];
    `together` says of each level how much its series err together (sums.py).
    """

    choices: dict[str, Choice]
    bias: float
    bias_levels: tuple[float, ...]
    bias_factors: tuple[float, ...]
    noise: float
    volume_edges: tuple[float, ...]
    step_edges: tuple[float, ...]
    low: Bounds
    high: Bounds
    profile_low: float
    profile_high: float
    together: dict[str, float]
    rows: int

    @property
    def weights(self) -> dict[str, Weights]:
        return {kind: choice.weights for kind, choice in self.choices.items()}

    def units(self, trees: Trees, columns: Columns) -> Floats:
        """The methods' mean, without the lean that forecasts of that size had."""
        units = mixed(forecasts_of(trees, columns), is_slow(columns), self.weights)
        return units * np.interp(units, self.bias_levels, self.bias_factors)

    def interval(self, units: Floats, steps: Floats, promoted: Flags) -> tuple[Floats, Floats]:
        volume = np.searchsorted(self.volume_edges, units, side="right")
        step = np.searchsorted(self.step_edges, steps, side="left")
        spread = _spread(units, self.noise)
        part = promoted.astype(np.int64)
        lower = units + np.array(self.low)[part, volume, step] * spread
        upper = units + np.array(self.high)[part, volume, step] * spread
        return np.clip(lower, 0.0, units), np.maximum(upper, units)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Calibration:
        lists = {
            name: tuple(document[name])
            for name in ("volume_edges", "step_edges", "bias_levels", "bias_factors")
        }
        nested = {
            name: tuple(tuple(tuple(row) for row in part) for part in document[name])
            for name in ("low", "high")
        }
        choices = {kind: Choice.from_json(choice) for kind, choice in document["choices"].items()}
        return cls(**{**document, **lists, **nested, "choices": choices})


def calibrate(trees: Trees, panel: Panel, since: int, cutoff: int, steps: int) -> Calibration:
    """With trees fitted on targets before `since`, on the weeks from there to `cutoff`."""
    samples = _unseen(panel, since, cutoff, steps)
    units, slow = samples.units, is_slow(samples.columns)
    forecasts = forecasts_of(trees, samples.columns)
    choices = weigh(forecasts, slow, units, samples.target)
    forecast = mixed(forecasts, slow, {kind: choice.weights for kind, choice in choices.items()})
    article = pd.factorize(panel.series["sku_code"])[0][samples.series]
    bias, bias_levels, bias_factors = lean(forecast, units, article, samples.target)
    forecast = forecast * np.interp(forecast, bias_levels, bias_factors)
    profile_low, profile_high = _profile_bounds(samples)
    found = Calibration(
        choices=choices,
        bias=bias,
        bias_levels=bias_levels,
        bias_factors=bias_factors,
        **_intervals(samples, forecast, article * len(panel.weeks) + samples.target, steps),
        profile_low=profile_low,
        profile_high=profile_high,
        together={},
        rows=len(units),
    )
    return replace(found, together=_together(found, panel, samples, forecast))


def _unseen(panel: Panel, since: int, cutoff: int, steps: int) -> Samples:
    """With the weeks that contradict their flags: a forecast cannot know which promotions will not take place."""
    weeks = range(since, cutoff)
    samples = pairs(panel, weeks, range(1, steps + 1), weeks, None, 0, contradicting=True)
    if not len(samples.units):
        raise FeaturesError(
            f"no series with {LEAST_WEEKS_KNOWN} weeks of history was in stock in any week from {panel.weeks[since]} to "
            f"{panel.weeks[cutoff - 1]}: nothing tells how far a forecast may be off"
        )
    return samples


def _intervals(samples: Samples, forecast: Floats, cell: Integers, steps: int) -> dict[str, Any]:
    noise = _noise(forecast, samples.units)
    score = (samples.units - forecast) / _spread(forecast, noise)
    volume_edges = tuple(
        float(edge) for edge in np.unique(np.quantile(forecast, np.arange(1, _VOLUMES) / _VOLUMES))
    )
    step_edges = tuple(float(edge) for edge in np.arange(1, _STEPS) * steps / _STEPS)
    volume = np.searchsorted(volume_edges, forecast, side="right")
    step = np.searchsorted(step_edges, samples.columns["step"].astype(np.float64), side="left")
    promoted = samples.columns["is_promoted"].astype(np.float64) > 0
    low, high = _bounds(score, cell, promoted, volume, step, len(volume_edges) + 1)
    return {"noise": noise, "volume_edges": volume_edges, "step_edges": step_edges, "low": low, "high": high}


def _spread(units: Floats, noise: float) -> Floats:
    """Counting noise of small numbers and a share of large ones."""
    return np.asarray(np.sqrt(units + 0.5 + (noise * units) ** 2), dtype=np.float64)


def _profile_bounds(samples: Samples) -> tuple[float, float]:
    profile = samples.columns["profile_units"].astype(np.float64)
    ratio = (samples.units / np.maximum(profile, 1e-9))[profile > 0]
    low, high = np.quantile(ratio, [0.1, 0.9]) if len(ratio) else (0.0, 3.0)
    return float(min(low, 1.0)), float(max(high, 1.0))


def _together(calibration: Calibration, panel: Panel, samples: Samples, forecast: Floats) -> dict[str, float]:
    promoted = samples.columns["is_promoted"].astype(np.float64) > 0
    steps = samples.columns["step"].astype(np.float64)
    lower, upper = calibration.interval(forecast, steps, promoted)
    rows = panel.series.iloc[samples.series].assign(
        origin=samples.origin,
        week=samples.target,
        actual_units=samples.units,
        predicted_units=forecast,
        lower=lower,
        upper=upper,
    )
    return measured_shares(rows, ["origin", "week"])


def _noise(forecast: Floats, units: Floats) -> float:
    large = forecast >= min(5.0, float(np.median(forecast)))
    share = np.abs(units - forecast)[large] / np.maximum(forecast[large], 0.5)
    return float(np.clip(np.median(share), 0.02, 2.0))


def _bounds(
    score: Floats, cell: Integers, promoted: Flags, volume: Integers, step: Integers, volumes: int
) -> tuple[Bounds, Bounds]:
    """Each group of rows by its own errors, where it has enough of them; by those of the next larger group where not.

    A promotion's effect is harder to foresee than an ordinary week: bounds that are right for all weeks together are too
    narrow for its.
    """

    def of(*groups: Flags) -> tuple[float, float]:
        chosen = np.ones(len(score), dtype=np.bool_)
        for within in np.logical_and.accumulate(groups):
            if within.sum() >= LEAST_IN_BIN and len(np.unique(cell[within])) >= LEAST_CELLS:
                chosen = within
        return _quantiles(score[chosen], len(np.unique(cell[chosen])))

    found = [
        [[of(promoted == part, volume == v, step == s) for s in range(_STEPS)] for v in range(volumes)]
        for part in (False, True)
    ]
    low, high = (
        tuple(tuple(tuple(pair[end] for pair in row) for row in rows) for rows in found) for end in (0, 1)
    )
    return low, high


def _quantiles(score: Floats, cells: int) -> tuple[float, float]:
    far = outer(1 - (1 - COVERAGE) / 2, cells)
    return float(np.quantile(score, 1 - far)), float(np.quantile(score, far))
