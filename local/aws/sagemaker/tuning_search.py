"""The strategies of a tuning job: which values the next trial gets. The same seed and results give the same values."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from local.aws.sagemaker import tuning_bayes
from local.aws.sagemaker.tuning_ranges import Categories, Space, Values

# How often a value is drawn anew if a trial had it: a space may have fewer values than there are trials.
_TRIES = 50
_FIRST_AT_RANDOM = 3
_CANDIDATES = 512


@dataclass(frozen=True)
class Seen:
    """A trial that was started. `loss` is its objective, the lower the better; None as long as it has none."""

    values: Mapping[str, str]
    loss: float | None


class Search(Protocol):
    def next_values(self, seen: Sequence[Seen]) -> Values:
        """The values of the next trial. `seen` has all trials before it, in the order of their start."""
        ...


@dataclass(frozen=True)
class Random:
    """Every trial's values are drawn on their own: a trial's values follow from the seed and its number."""

    space: Space
    seed: int

    def next_values(self, seen: Sequence[Seen]) -> Values:
        random = np.random.default_rng([self.seed, len(seen)])
        known = [trial.values for trial in seen]
        for _ in range(_TRIES):
            values = self.space.draw(random)
            if values not in known:
                break
        return values


@dataclass(frozen=True)
class Grid:
    """All combinations of the categories, the last range's values changing first."""

    ranges: Sequence[Categories]

    def __len__(self) -> int:
        return len(self.combinations())

    def combinations(self) -> list[Values]:
        values = itertools.product(*(known.values for known in self.ranges))
        names = [known.name for known in self.ranges]
        return [dict(zip(names, combination, strict=True)) for combination in values]

    def next_values(self, seen: Sequence[Seen]) -> Values:
        return self.combinations()[len(seen)]


@dataclass(frozen=True)
class Bayesian:
    """Expected improvement on a Gaussian process over the results so far; the first trials are random."""

    space: Space
    seed: int

    def next_values(self, seen: Sequence[Seen]) -> Values:
        judged = [trial for trial in seen if trial.loss is not None]
        if len(judged) < _FIRST_AT_RANDOM:
            return Random(self.space, self.seed).next_values(seen)
        random = np.random.default_rng([self.seed, len(seen)])
        known = [trial.values for trial in seen]
        drawn = [values for _ in range(_CANDIDATES) if (values := self.space.draw(random)) not in known]
        if not drawn:
            return self.space.draw(random)
        best = tuning_bayes.most_promising(
            np.array([self.space.point(values) for values in drawn]),
            np.array([self.space.point(trial.values) for trial in judged]),
            np.array([trial.loss for trial in judged], dtype=np.float64),
            [self.space.point(trial.values) for trial in seen if trial.loss is None],
        )
        return drawn[best]
