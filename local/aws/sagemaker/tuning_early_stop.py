"""SageMaker's rule for stopping a trial early: the median of the earlier trials' running averages."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def is_hopeless(losses: Sequence[float], judged: int, completed: Sequence[Sequence[float]]) -> bool:
    """Whether one of the epochs after the first `judged` is worse than the median, up to the same epoch, of the
    completed trials' running averages. All values are losses: the lower the better."""
    if not any(completed):
        return False
    return any(
        losses[epoch - 1] > statistics.median(statistics.fmean(past[:epoch]) for past in completed if past)
        for epoch in range(judged + 1, len(losses) + 1)
    )
