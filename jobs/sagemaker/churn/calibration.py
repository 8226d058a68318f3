"""From a score to a probability that keeps its word: as it is, Platt's two numbers, or isotonic steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import expit

from jobs.sagemaker.churn.linear import Logistic
from jobs.sagemaker.churn.measures import log_loss

NONE, PLATT, ISOTONIC = "none", "platt", "isotonic"
_RIDGE = 10.0
"""In rows: with few of them Platt's slope stays near the one that changes nothing."""
_STEPS_NEED = 2_000
"""Rows below which steps are a guess."""
_LINEAR_PART = 0.05
"""Share of the score itself in isotonic probabilities, so that customers on one step keep their order."""
_GAIN = 0.0005
"""Log loss that a calibration must save on customers whom it has not seen."""


@dataclass(frozen=True)
class Calibration:
    kind: str
    slope: float = 1.0
    intercept: float = 0.0
    at: tuple[float, ...] = ()
    level: tuple[float, ...] = ()

    def probability(self, score: np.ndarray) -> np.ndarray:
        straight = np.asarray(expit(self.slope * score + self.intercept))
        if self.kind != ISOTONIC:
            return straight
        steps = np.interp(score, self.at, self.level)
        return np.asarray((1 - _LINEAR_PART) * steps + _LINEAR_PART * straight)

    def document(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "slope": self.slope,
            "intercept": self.intercept,
            "at": list(self.at),
            "level": list(self.level),
        }

    @classmethod
    def of_document(cls, document: dict[str, Any]) -> Calibration:
        return cls(**{**document, "at": tuple(document["at"]), "level": tuple(document["level"])})


def chosen(score: np.ndarray, churned: np.ndarray, fold: np.ndarray) -> Calibration:
    """The simplest that none beats on other customers' folds. `score` is of customers the methods were not trained on."""
    kinds = [NONE, PLATT, *([ISOTONIC] if len(score) >= _STEPS_NEED else [])]
    losses = {kind: _held_out(kind, score, churned, fold) for kind in kinds}
    best = NONE
    for kind in kinds[1:]:
        if losses[kind] < losses[best] - _GAIN:
            best = kind
    return fitted(best, score, churned)


def fitted(kind: str, score: np.ndarray, churned: np.ndarray) -> Calibration:
    if kind == NONE or not 0 < churned.sum() < len(churned):
        return Calibration(NONE)
    line = Logistic.fitted(score[:, None], churned, 0.0)
    slope = float(line.weights[0] / line.scale[0]) if np.isfinite(line.scale[0]) else 1.0
    share = len(score) / (len(score) + _RIDGE)
    slope = max(share * slope + (1 - share), 0.05)
    straight = Calibration(PLATT, slope, _balanced(slope * score, churned))
    if kind == PLATT:
        return straight
    order = np.lexsort((churned, score))
    at, place, sizes = np.unique(score[order], return_inverse=True, return_counts=True)
    rate = np.bincount(place, churned[order]) / sizes
    level = np.asarray(isotonic_regression(rate, weights=sizes).x)
    ends = np.flatnonzero(np.r_[True, np.diff(level) != 0] | np.r_[np.diff(level) != 0, True])
    return Calibration(
        ISOTONIC, straight.slope, straight.intercept, tuple(at[ends].tolist()), tuple(level[ends].tolist())
    )


def _balanced(score: np.ndarray, churned: np.ndarray) -> float:
    """The intercept with which as many are expected to churn as did."""
    intercept = 0.0
    for _ in range(50):
        said = expit(score + intercept)
        step = (churned.sum() - said.sum()) / max((said * (1 - said)).sum(), 1e-9)
        intercept += float(np.clip(step, -1, 1))
        if abs(step) < 1e-10:
            break
    return intercept


def _held_out(kind: str, score: np.ndarray, churned: np.ndarray, fold: np.ndarray) -> float:
    said = np.empty(len(score))
    for one in np.unique(fold):
        inside = fold == one
        said[inside] = fitted(kind, score[~inside], churned[~inside]).probability(score[inside])
    return log_loss(churned, said)
