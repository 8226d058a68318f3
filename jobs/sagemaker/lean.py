"""By which factor forecasts lean to one side, and how much of that can be expected to last."""

from __future__ import annotations

import numpy as np

from jobs.sagemaker.panel import Floats, Integers

_PARTS = 4
_LIMITS = (0.7, 3.0)
"""Trees of a slow article lean low by much, because most of its weeks sell nothing."""
_PRIOR_UNITS = 50.0
_LEANS_DIFFER = 0.05
"""By how much the lean of one horizon differs from that of the next, in logarithms."""
_BEYOND_CHANCE = 2.0
"""Standard errors below which a lean is not mended at all."""
_SLIGHT = 0.12
"""A lean up to this is mended by one factor: factors by size would bring more chance than they take away lean."""


def lean(
    forecast: Floats, units: Floats, article: Integers, week: Integers
) -> tuple[float, tuple[float, ...], tuple[float, ...]]:
    """The factor of all forecasts together; sizes of a forecast, and the factor at each."""
    factor = (units.sum() + _PRIOR_UNITS) / (forecast.sum() + _PRIOR_UNITS)
    slight = abs(np.log(factor)) <= _SLIGHT
    levels, factors = ((0.0,), (float(factor),)) if slight else _by_size(forecast, units)
    share = kept(forecast, units, article, week)
    return float(factor**share), levels, tuple(each**share for each in factors)


def kept(forecast: Floats, units: Floats, article: Integers, week: Integers) -> float:
    """How much of a lean to mend: nothing within two standard errors of it, the more the further it is beyond them.

    Some leans are the trees', others those weeks' own: to mend one of these would carry it over with its sign turned. The
    errors of an article in all its regions are one error, and so are those of a week in all its series: where few articles
    make the sales, a hundred series are no more than these few.
    """
    factor = (units.sum() + _PRIOR_UNITS) / (forecast.sum() + _PRIOR_UNITS)
    error = units - factor * forecast
    cell = article * (int(week.max()) + 1) + week
    of_articles, of_weeks = _square(error, article), _square(error, week)
    # Of a single article the weeks are its cells, and its own sum is zero, because the factor was fitted to it.
    clustered = max(of_articles + of_weeks - _square(error, cell), of_articles, of_weeks)
    chance = clustered / (factor * forecast.sum() + _PRIOR_UNITS) ** 2
    lasting = np.log(factor) ** 2
    if lasting == 0.0:
        return 0.0
    return float(max(0.0, 1.0 - _BEYOND_CHANCE**2 * (_LEANS_DIFFER**2 + chance) / lasting))


def _square(error: Floats, group: Integers) -> float:
    """Of the sums of groups; a little more where they are few, because their mean was fitted to them."""
    _, number = np.unique(group, return_inverse=True)
    sums = np.bincount(number, error)
    return float((sums**2).sum()) * (len(sums) / (len(sums) - 1) if len(sums) > 1 else 1.0)


def _by_size(forecast: Floats, units: Floats) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """What was sold over what was forecast, by the size of the forecast, in parts of equal numbers of rows."""
    parts = [part for part in np.array_split(np.argsort(forecast, kind="stable"), _PARTS) if len(part)]
    levels = [float(forecast[part].mean()) for part in parts]
    sums = [(units[part].sum() + _PRIOR_UNITS) / (forecast[part].sum() + _PRIOR_UNITS) for part in parts]
    return tuple(levels), tuple(float(np.clip(factor, *_LIMITS)) for factor in sums)
