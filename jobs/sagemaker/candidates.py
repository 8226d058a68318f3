"""The methods that a forecast is mixed from, and how much each counts for which kind of series.

The weights are those that would have been best in weeks that no method had seen, where that is beyond chance; elsewhere
both views of the trees count half. So no series is forecast by trees where the plain method is known to do better.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from scipy.special import stdtrit

from jobs.sagemaker.design import SOFTENER, expected_lift, level
from jobs.sagemaker.panel import Columns, Flags, Floats, Integers
from jobs.sagemaker.trees import NARROW, WIDE, Trees
from jobs.sagemaker.trust import trusted

PLAIN = "plain"
METHODS = (WIDE, NARROW, PLAIN)
SLOW, STEADY = KINDS = ("slow", "steady")
"""Slow: most weeks of the last year sold nothing."""
_CHOICES = [
    choice for choice in product((0.0, 0.25, 0.5, 0.75, 1.0), repeat=len(METHODS)) if sum(choice) == 1.0
]
_BEYOND_CHANCE = 0.99
"""Of Student's distribution, one side: a choice must be beyond it to replace the unproven one. Of weeks that have nothing to
do with each other, one of the fourteen others is then taken wrongly in 2 to 4 of a hundred cases."""
_LEAST_WEEKS = 6
"""Weeks of one horizon are alike: fewer than these agree by accident."""

Weights = tuple[float, ...]
UNPROVEN: Weights = (0.5, 0.5, 0.0)


@dataclass(frozen=True)
class Choice:
    """The weights of the methods for one kind of series, and why.

    Of the weeks they were chosen by: the error of each method alone (`wmape`) and of the unproven weights (`unproven`), and
    by what share of the units sold the best other weights (`best`) were better (`gain`), and had to be better (`needed`;
    None of too few weeks to tell).
    """

    weights: Weights
    best: Weights
    weeks: int
    wmape: dict[str, float]
    unproven: float
    gain: float
    needed: float | None

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Choice:
        weights = {name: tuple(document[name]) for name in ("weights", "best")}
        return cls(**{**document, **weights})


def forecasts_of(trees: Trees, columns: Columns) -> dict[str, Floats]:
    """Units by each method, before calibration; where the calendar is doubted, between those with and without its flags."""
    return trusted(lambda seen: {**trees.of_views(seen), PLAIN: _plain(seen)}, columns)


def _plain(columns: Columns) -> Floats:
    """What an ordinary week sells; of a slow series what half a year sold; in promoted weeks times their past effect."""
    half_a_year = columns["mean_26"].astype(np.float64)
    usual: Floats = np.where(is_slow(columns) & ~np.isnan(half_a_year), half_a_year, level(columns))
    return np.asarray(usual * np.exp(expected_lift(columns)), dtype=np.float64)


def is_slow(columns: Columns) -> Flags:
    return np.asarray(np.nan_to_num(columns["zero_share_52"].astype(np.float64)) > 0.5)


def mixed(forecasts: dict[str, Floats], slow: Flags, weights: dict[str, Weights]) -> Floats:
    of_kind = np.where(slow[:, None], weights[SLOW], weights[STEADY])
    logarithms = np.column_stack([np.log(forecasts[method] + SOFTENER) for method in METHODS])
    return np.asarray(np.maximum(np.exp((of_kind * logarithms).sum(axis=1)) - SOFTENER, 0.0))


def weigh(forecasts: dict[str, Floats], slow: Flags, units: Floats, week: Integers) -> dict[str, Choice]:
    """By kind of series, from weeks whose units are known."""
    found = {}
    for kind in KINDS:
        rows = slow == (kind == SLOW)
        of_kind = {method: values[rows] for method, values in forecasts.items()}
        found[kind] = _chosen(of_kind, slow[rows], units[rows], week[rows])
    return found


def _chosen(forecasts: dict[str, Floats], slow: Flags, units: Floats, week: Integers) -> Choice:
    """The weights of least error whose gain over the unproven ones is beyond chance, if there are any."""
    weeks, number = np.unique(week, return_inverse=True)
    sold = max(float(units.sum()), 1.0)

    def errors(weights: Weights) -> Floats:
        """Of each week, as a share of all that was sold."""
        found = mixed(forecasts, slow, dict.fromkeys(KINDS, weights))
        return np.asarray(np.bincount(number, np.abs(units - found), len(weeks)) / sold, dtype=np.float64)

    of = {weights: errors(weights) for weights in _CHOICES}
    unproven = of[UNPROVEN]
    gains = {weights: float((unproven - of[weights]).sum()) for weights in _CHOICES if weights != UNPROVEN}
    enough = len(weeks) >= _LEAST_WEEKS
    needed = {weights: _by_chance(unproven - of[weights]) for weights in gains} if enough else {}
    proven = [weights for weights in needed if gains[weights] > needed[weights]]
    best = max(proven or gains, key=lambda weights: gains[weights])
    return Choice(
        weights=best if proven else UNPROVEN,
        best=best,
        weeks=len(weeks),
        wmape={method: float(of[_alone(method)].sum()) for method in METHODS},
        unproven=float(unproven.sum()),
        gain=gains[best],
        needed=needed.get(best),
    )


def _by_chance(gain: Floats) -> float:
    """The sum over weeks that a gain of nothing would hardly ever reach."""
    weeks = len(gain)
    return float(stdtrit(weeks - 1, _BEYOND_CHANCE) * gain.std(ddof=1) * np.sqrt(weeks))


def _alone(method: str) -> Weights:
    return tuple(float(method == each) for each in METHODS)
