"""Boosted trees, constrained to rise and fall where sense says so."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

# Two programs that both busy-wait for two cores take ten times as long as two that wait their turn.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import xgboost

from jobs.sagemaker.churn.inputs import View

THREADS = 1
"""Always the same, because sums depend on how they are split; and a single one waits for no other."""
RISING = ("recency_days", "gap_ratio", "bg_nbd_silent")
FALLING = ("orders_30d", "orders_90d", "orders_180d", "orders_365d")


@dataclass(frozen=True)
class Settings:
    horizon_days: int = 90
    seed: int = 7
    rounds: int = 150
    max_depth: int = 3
    learning_rate: float = 0.06
    min_child_weight: float = 20.0
    subsample: float = 0.7
    colsample: float = 0.6
    l2: float = 5.0

    def reseeded(self, by: int) -> Settings:
        return replace(self, seed=self.seed + by)


def grown(view: View, target: np.ndarray, settings: Settings, constrained: bool = True) -> xgboost.Booster:
    directions = [(name in RISING) - (name in FALLING) for name in view.names]
    parameters: dict[str, object] = {
        "objective": "binary:logistic",
        "tree_method": "hist",
        "max_bin": 64 if constrained else 256,
        "max_depth": settings.max_depth,
        "eta": settings.learning_rate,
        "min_child_weight": settings.min_child_weight,
        "subsample": settings.subsample,
        "colsample_bytree": settings.colsample,
        "lambda": settings.l2,
        "seed": settings.seed,
        "nthread": THREADS,
    }
    if constrained:
        parameters["monotone_constraints"] = tuple(directions)
    return xgboost.train(parameters, _matrix(view, target), settings.rounds)


def score(trees: xgboost.Booster, view: View) -> np.ndarray:
    """Log odds."""
    return np.asarray(trees.inplace_predict(_single(view), predict_type="margin"), float)


def contributions(trees: xgboost.Booster, view: View) -> np.ndarray:
    """SHAP values per column, without the last one of xgboost, the mean."""
    shown = xgboost.DMatrix(_single(view), nthread=THREADS)
    return np.asarray(trees.predict(shown, pred_contribs=True), float)[:, :-1]


def _matrix(view: View, target: np.ndarray) -> xgboost.DMatrix:
    return xgboost.DMatrix(_single(view), label=target, nthread=THREADS)


def _single(view: View) -> np.ndarray:
    return np.ascontiguousarray(view.values, dtype=np.float32)
