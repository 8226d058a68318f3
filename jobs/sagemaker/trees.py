"""The boosted trees: the logarithm of a week's units over the series' own level, by absolute and by squared error.

Absolute error does not chase the one week in a hundred that sold tenfold, and it is what the forecast is judged by;
squared error learns more from each promotion. Both are learned in two views: the wide one looks at all columns, the narrow
one only at those that say little of which week it is. Season and trend need the former; where few articles with shocks of
their own make the sales, trees in the wide view learn those shocks. Errors differ, so that the mean is better than each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xgboost

from jobs.sagemaker.design import OF_LONG_HISTORY, SOFTENER, design, level
from jobs.sagemaker.panel import Columns, FeaturesError, Floats, Integers, Panel
from jobs.sagemaker.samples import ORIGINS_BACK, pairs

LEAST_SAMPLES = 200
LOSSES = {"absolute": "reg:absoluteerror", "squared": "reg:squarederror"}
WIDE, NARROW = VIEWS = ("wide", "narrow")
_BINS = 128
_LARGEST = 12.0
"""Of a logarithm: keeps the exponential of a wild leaf finite."""


@dataclass(frozen=True)
class Settings:
    horizon_weeks: int = 13
    seed: int = 7
    rounds: int = 200
    depth: int = 6
    learning_rate: float = 0.06
    most_samples: int = 40_000
    """Of each loss in each view: rows of a series and week are alike, each set learns as much from rows of its own."""
    threads: int = 2
    weight_power: float = 0.6
    """How much more a large series counts: 1 is what the pooled error asks for, less lets small ones teach too."""


@dataclass(frozen=True)
class Trees:
    boosters: tuple[Any, ...]
    kinds: tuple[str, ...]
    names: tuple[str, ...]
    threads: int

    def of_views(self, columns: Columns) -> dict[str, Floats]:
        """Units by each view, before calibration: between the two losses the mean of logarithms."""
        matrix, names = design(columns, self.kinds)
        base = level(columns) + SOFTENER
        found: dict[str, Floats] = {}
        for number, view in enumerate(VIEWS):
            seen = _columns_of(view, names)
            data = xgboost.DMatrix(
                matrix[:, seen], feature_names=[names[place] for place in seen], nthread=self.threads
            )
            of_view = self.boosters[number * len(LOSSES) : (number + 1) * len(LOSSES)]
            logarithm = np.mean([booster.predict(data).astype(np.float64) for booster in of_view], axis=0)
            found[view] = np.maximum(np.exp(np.clip(logarithm, -_LARGEST, _LARGEST)) * base - SOFTENER, 0.0)
        return found


def _columns_of(view: str, names: Sequence[str]) -> list[int]:
    return [place for place, name in enumerate(names) if view == WIDE or name not in OF_LONG_HISTORY]


def fit_trees(panel: Panel, cutoff: int, settings: Settings, steps: int) -> Trees:
    """On targets before `cutoff`, which is the number of a week in the panel."""
    samples = pairs(
        panel,
        targets=range(cutoff),
        steps=range(1, steps + 1),
        origins=range(max(0, cutoff - ORIGINS_BACK), cutoff),
        most=settings.most_samples * len(LOSSES) * len(VIEWS),
        seed=settings.seed,
    )
    if len(samples.units) < LEAST_SAMPLES:
        raise FeaturesError(
            f"only {len(samples.units)} pairs of an origin and a target before week {panel.weeks[0]} + {cutoff}; "
            f"at least {LEAST_SAMPLES} are needed to learn from"
        )
    kinds = promotion_kinds(panel, cutoff)
    matrix, names = design(samples.columns, kinds)
    base = level(samples.columns)
    weight = np.maximum(base, 0.1) ** settings.weight_power
    label = np.log((samples.units + SOFTENER) / (base + SOFTENER))
    boosters = []
    parts = iter(_shares(len(label), settings))
    for view in VIEWS:
        seen = _columns_of(view, names)
        for loss in LOSSES:
            rows = next(parts)
            data = xgboost.QuantileDMatrix(
                matrix[rows][:, seen],
                label=label[rows],
                weight=weight[rows] / weight[rows].mean(),
                feature_names=[names[place] for place in seen],
                nthread=settings.threads,
                max_bin=_BINS,
            )
            boosters.append(xgboost.train(_parameters(settings, loss), data, settings.rounds))
    return Trees(tuple(boosters), tuple(kinds), tuple(names), settings.threads)


def _shares(count: int, settings: Settings) -> list[Integers]:
    """The rows that each set of trees learns from: all where they are few, as different ones as there are where many."""
    order = np.random.default_rng(settings.seed).permutation(count)
    most = settings.most_samples
    sets = len(LOSSES) * len(VIEWS)
    return [np.sort(np.roll(order, -number * most)[:most]) for number in range(sets)]


def _parameters(settings: Settings, loss: str) -> dict[str, Any]:
    return {
        "objective": LOSSES[loss],
        "tree_method": "hist",
        "max_depth": settings.depth,
        "eta": settings.learning_rate,
        "subsample": 0.7,
        "colsample_bynode": 0.4,
        "min_child_weight": 5,
        "lambda": 5.0,
        "max_bin": _BINS,
        "nthread": settings.threads,
        "seed": settings.seed,
    }


def promotion_kinds(panel: Panel, cutoff: int) -> Sequence[str]:
    """In the order of what they did to sales, so that a split on the number is a split by effect."""
    promoted = panel.values["is_promoted"][:, :cutoff] > 0
    base = panel.values["base_units"][:, :cutoff][promoted]
    lift = np.log((panel.units[:, :cutoff][promoted] + SOFTENER) / (base + SOFTENER))
    by_kind = pd.Series(lift).groupby(panel.kinds[:, :cutoff][promoted].astype(str)).mean().fillna(0.0)
    return [str(kind) for kind in by_kind.sort_index().sort_values(kind="stable").index]
