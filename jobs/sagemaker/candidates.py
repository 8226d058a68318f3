"""The methods that a forecast is mixed from, and how much each counts for which kind of series.

The weights are those that would have been best in weeks that no method had seen, where that is beyond chance; elsewhere
both views of the trees count half. So no series is forecast by trees where the plain method is known to do better.
"""

from __future__ import annotations

from itertools import product

import numpy as np

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
_BEYOND_CHANCE = 2.0
"""Standard errors, over weeks, by which a choice must be better than the unproven one."""

Weights = tuple[float, ...]
UNPROVEN: Weights = (0.5, 0.5, 0.0)


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


def weigh(forecasts: dict[str, Floats], slow: Flags, units: Floats, week: Integers) -> dict[str, Weights]:
    """By kind of series, from weeks whose units are known."""
    found = {}
    for kind in KINDS:
        rows = slow == (kind == SLOW)
        of_kind = {method: values[rows] for method, values in forecasts.items()}
        found[kind] = _best(of_kind, slow[rows], units[rows], week[rows])
    return found


def _best(forecasts: dict[str, Floats], slow: Flags, units: Floats, week: Integers) -> Weights:
    weeks, number = np.unique(week, return_inverse=True)
    if len(weeks) < 2:
        return UNPROVEN

    def errors(choice: Weights) -> Floats:
        found = mixed(forecasts, slow, dict.fromkeys(KINDS, choice))
        return np.asarray(np.bincount(number, np.abs(units - found)), dtype=np.float64)

    unproven = errors(UNPROVEN)
    best, most = UNPROVEN, 0.0
    for choice in _CHOICES:
        gain = unproven - errors(choice)
        chance = float(gain.std(ddof=1)) / np.sqrt(len(weeks))
        if gain.mean() > max(_BEYOND_CHANCE * chance, most):
            best, most = choice, float(gain.mean())
    return best
