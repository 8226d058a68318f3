"""Logistic regression with a ridge, solved by Newton's method: the same rows give the same coefficients, bit by bit.

Sums over rows are numpy's own (einsum), never BLAS's, which splits them by the threads that it may use. Neither the number
of cores nor a variable of the environment changes a model. On one core it takes as long.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

_STEPS = 40
_ENOUGH = 1e-9
_FURTHEST = 8.0
"""Standard deviations from the mean beyond which a column says no more."""


@dataclass(frozen=True)
class Logistic:
    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    intercept: float

    @classmethod
    def fitted(
        cls, columns: np.ndarray, target: np.ndarray, ridge: float, weight: np.ndarray | None = None
    ) -> Logistic:
        """`ridge` is the penalty on standardised coefficients, in rows; the intercept has none."""
        given = np.ones(len(target)) if weight is None else weight
        mean = np.average(columns, axis=0, weights=given)
        spread = np.sqrt(np.average((columns - mean) ** 2, axis=0, weights=given))
        scale = np.where(spread > 1e-9, spread, np.inf)
        shown = np.column_stack([_standard(columns, mean, scale), np.ones(len(target))])
        penalty = np.full(shown.shape[1], max(ridge, 1e-6))
        penalty[-1] = 1e-6
        beta = np.zeros(shown.shape[1])
        rate = np.average(target, weights=given)
        beta[-1] = np.log((rate + 1e-3) / (1 - rate + 1e-3))
        loss = _loss(shown, target, given, penalty, beta)
        for _ in range(_STEPS):
            probability = expit(_times(shown, beta))
            slope = np.einsum("ij,i->j", shown, given * (probability - target)) + penalty * beta
            bend = _squares(shown, given * probability * (1 - probability)) + np.diag(penalty)
            step = np.linalg.solve(bend, slope)
            size = 1.0
            while (tried := _loss(shown, target, given, penalty, beta - size * step)) > loss and size > 1e-4:
                size /= 2
            beta = beta - size * step
            if abs(loss - tried) <= _ENOUGH * max(abs(loss), 1.0):
                break
            loss = tried
        return cls(mean, scale, beta[:-1], float(beta[-1]))

    def logit(self, columns: np.ndarray) -> np.ndarray:
        return _times(_standard(columns, self.mean, self.scale), self.weights) + self.intercept

    def probability(self, columns: np.ndarray) -> np.ndarray:
        return np.asarray(expit(self.logit(columns)))

    def contributions(self, columns: np.ndarray) -> np.ndarray:
        """What each column adds to the logit, compared with the mean of the training rows."""
        return np.asarray(_standard(columns, self.mean, self.scale) * self.weights)

    def document(self) -> dict[str, Any]:
        return {
            "mean": self.mean.tolist(),
            "scale": [float(one) if np.isfinite(one) else None for one in self.scale],
            "weights": self.weights.tolist(),
            "intercept": self.intercept,
        }

    @classmethod
    def of_document(cls, document: dict[str, Any]) -> Logistic:
        scale = [np.inf if one is None else one for one in document["scale"]]
        return cls(
            np.array(document["mean"]),
            np.array(scale),
            np.array(document["weights"]),
            float(document["intercept"]),
        )


def _standard(columns: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip((columns - mean) / scale, -_FURTHEST, _FURTHEST))


def _times(shown: np.ndarray, beta: np.ndarray) -> np.ndarray:
    return np.asarray(np.einsum("ij,j->i", shown, beta))


def _squares(shown: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The weighed sums over rows of each column times each other one."""
    columns = np.ascontiguousarray(shown.T)
    found = np.empty((len(columns), len(columns)))
    for number, column in enumerate(columns):
        found[number, number:] = np.einsum("i,ji->j", column * weight, columns[number:])
        found[number:, number] = found[number, number:]
    return found


def _loss(
    shown: np.ndarray, target: np.ndarray, weight: np.ndarray, penalty: np.ndarray, beta: np.ndarray
) -> float:
    score = _times(shown, beta)
    return float((weight * (np.logaddexp(0, score) - target * score)).sum() + (penalty * beta**2).sum() / 2)
