"""A small Gaussian process: which of some candidates is expected to improve most on the lowest loss so far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
_LENGTHS = (0.1, 0.2, 0.4, 0.8, 1.6)
_NOISES = (1e-4, 1e-2, 1e-1)


def most_promising(candidates: Array, points: Array, losses: Array, pending: Sequence[Array]) -> int:
    """The index of the candidate. A pending point counts as if it had the loss that is expected there, so that trials
    that run side by side are apart."""
    spread = float(losses.std()) or 1.0
    scaled = (losses - losses.mean()) / spread
    process = max(
        (_Process.of(points, scaled, length, noise) for length in _LENGTHS for noise in _NOISES),
        key=_evidence,
    )
    for point in pending:
        believed, _ = process.at(point[None, :])
        process = _Process.of(
            np.vstack([process.points, point]),
            np.append(process.losses, believed),
            process.length,
            process.noise,
        )
    mean, deviation = process.at(candidates)
    return int(np.argmax(_improvement(mean, deviation, float(scaled.min()))))


@dataclass(frozen=True)
class _Process:
    points: Array
    losses: Array
    length: float
    noise: float
    root: Array
    """Cholesky's factor of the covariance."""
    weights: Array

    @classmethod
    def of(cls, points: Array, losses: Array, length: float, noise: float) -> _Process:
        covariance = _matern(points, points, length) + noise * np.eye(len(points))
        root: Array = np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
        weights: Array = np.asarray(np.linalg.solve(covariance, losses), dtype=np.float64)
        return cls(points, losses, length, noise, root, weights)

    def at(self, candidates: Array) -> tuple[Array, Array]:
        """The mean and the standard deviation at each candidate."""
        shared = _matern(candidates, self.points, self.length)
        explained = np.linalg.solve(self.root, shared.T)
        variance = 1.0 - (explained**2).sum(axis=0)
        return shared @ self.weights, np.sqrt(np.maximum(variance, 1e-12))


def _evidence(process: _Process) -> float:
    fit = float(process.losses @ process.weights)
    return -0.5 * fit - float(np.log(np.diag(process.root)).sum())


def _matern(left: Array, right: Array, length: float) -> Array:
    """Matern's covariance (5/2)."""
    apart = np.sqrt(((left[:, None, :] - right[None, :, :]) ** 2).sum(axis=2)) / length
    steps = math.sqrt(5) * apart
    return np.asarray((1 + steps + steps**2 / 3) * np.exp(-steps), dtype=np.float64)


def _improvement(mean: Array, deviation: Array, lowest: float) -> Array:
    gain = lowest - mean
    z = gain / deviation
    density = np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
    below = np.array([0.5 * (1 + math.erf(value / math.sqrt(2))) for value in z])
    return np.asarray(gain * below + deviation * density, dtype=np.float64)
