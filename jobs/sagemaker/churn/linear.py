"""Logistic regression with a ridge, solved by Newton's method: the same rows in any order give the same coefficients."""

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
            probability = expit(shown @ beta)
            slope = shown.T @ (given * (probability - target)) + penalty * beta
            bend = (shown * (given * probability * (1 - probability))[:, None]).T @ shown + np.diag(penalty)
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
        return np.asarray(_standard(columns, self.mean, self.scale) @ self.weights + self.intercept)

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


def _loss(
    shown: np.ndarray, target: np.ndarray, weight: np.ndarray, penalty: np.ndarray, beta: np.ndarray
) -> float:
    score = shown @ beta
    return float((weight * (np.logaddexp(0, score) - target * score)).sum() + (penalty * beta**2).sum() / 2)
