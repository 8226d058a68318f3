"""How good probabilities of churn are. The positive class is "churned"; ties never depend on the order of rows."""

from __future__ import annotations

import numpy as np

BINS = 15
SMALLEST = 1e-6
"""A probability nearer to 0 or 1 counts as this near, so that one sure mistake costs a finite loss."""
Floats = np.ndarray


def measures(churned: Floats, probability: Floats) -> dict[str, float | None]:
    """All figures of one method on one set of rows. Null where only one class is there and a figure needs both."""
    both = 0 < churned.sum() < len(churned)
    return {
        "auc": _rounded(auc(churned, probability)) if both else None,
        "average_precision": _rounded(average_precision(churned, probability)) if both else None,
        "log_loss": _rounded(log_loss(churned, probability)),
        "brier": _rounded(float(np.mean((probability - churned) ** 2))),
        "ece": _rounded(calibration_error(churned, probability)),
        "lift10": _rounded(lift(churned, probability)) if churned.sum() else None,
    }


def auc(churned: Floats, probability: Floats) -> float:
    values, place = np.unique(probability, return_inverse=True)
    positive = np.bincount(place, churned, len(values))
    negative = np.bincount(place, 1 - churned, len(values))
    below = np.cumsum(negative) - negative
    return float((positive * (below + negative / 2)).sum() / (positive.sum() * negative.sum()))


def average_precision(churned: Floats, probability: Floats) -> float:
    """Precision at each distinct probability, weighed by the share of churned customers found there."""
    values, place = np.unique(-probability, return_inverse=True)
    positive = np.bincount(place, churned, len(values))
    precision = np.cumsum(positive) / np.cumsum(np.bincount(place, minlength=len(values)))
    return float((precision * positive).sum() / positive.sum())


def log_loss(churned: Floats, probability: Floats) -> float:
    return float(np.mean(losses(churned, probability)))


def losses(churned: Floats, probability: Floats) -> Floats:
    sure = np.clip(probability, SMALLEST, 1 - SMALLEST)
    return np.asarray(-(churned * np.log(sure) + (1 - churned) * np.log1p(-sure)))


def bins(probability: Floats, count: int = BINS) -> np.ndarray:
    """The bin of each row: bins of equal mass, where equal probabilities share the bin of their middle."""
    values, place, sizes = np.unique(probability, return_inverse=True, return_counts=True)
    middle = np.cumsum(sizes) - sizes / 2
    number = np.minimum((middle * count / max(len(probability), 1)).astype(int), count - 1)
    return np.asarray(number[place] if len(values) else place)


def calibration_error(churned: Floats, probability: Floats) -> float:
    """Mean distance between what was said and what came, over bins weighed by their rows."""
    of_row = bins(probability)
    gaps = np.bincount(of_row, probability - churned, BINS)
    return float(np.abs(gaps).sum() / len(churned))


def lift(churned: Floats, probability: Floats, share: float = 0.1) -> float:
    """Churn rate of the tenth most likely to churn over that of all; of rows tied at its end the expected part counts."""
    wanted = max(1, round(share * len(churned)))
    values, place = np.unique(-probability, return_inverse=True)
    rows = np.bincount(place, minlength=len(values))
    positive = np.bincount(place, churned, len(values))
    taken = np.clip(wanted - (np.cumsum(rows) - rows), 0, rows)
    return float((positive * taken / rows).sum() / wanted / churned.mean())


def _rounded(value: float) -> float:
    return round(value, 6)
