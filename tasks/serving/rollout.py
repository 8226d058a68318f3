"""Whether a challenger replaces the champion: the limits, and the judgement of what both showed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from pydantic import BaseModel, Field

from tasks.models.drift import chance, psi
from tasks.models.verdicts import Verdict, all_passed, at_least, at_most

Decision = Literal["promote", "roll back", "wait"]
INVOCATIONS, ERRORS, LATENCY, SCORES = "invocations", "error_rate", "latency_ratio", "score_shift"
_BINS = 10
_PER_BIN = 20
_FEWEST_PAIRED = 40
FEWEST_ERRORS = 5
"""Fewer failed requests among too few customers' requests say nothing."""


class Rollout(BaseModel):
    """How an approved model comes into service: beside the champion first, then in its place or back."""

    challenger_weight: float = Field(
        default=0.1,
        gt=0,
        lt=1,
        description="share of the traffic that the challenger gets while it is watched",
    )
    watch_minutes: float = Field(
        default=30,
        ge=0,
        le=1440,
        description="how long the challenger's live figures are watched, in minutes",
    )
    min_invocations: int = Field(
        default=100,
        ge=1,
        description="fewest requests to either variant that can be judged; with less live traffic, sampled customers are "
        "sent to both",
    )
    max_error_rate: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="how much larger than the champion's the challenger's share of failed requests may be",
    )
    max_latency_ratio: float = Field(
        default=1.5,
        gt=0,
        description="highest latency of the challenger's model, as a multiple of the champion's",
    )
    max_score_shift: float = Field(
        default=0.25,
        gt=0,
        description="highest population stability index of the challenger's scores against the champion's, on top of an "
        "allowance for chance where they scored different customers; below 0.1 is a small shift, above 0.25 a large one",
    )


@dataclass(frozen=True)
class Figures:
    """What one variant showed. `paired`: its scores are of the same customers as the other's."""

    variant: str
    version: int
    invocations: int
    errors: int
    latency_ms: float | None
    scores: tuple[float, ...] = ()
    paired: bool = False

    @property
    def error_rate(self) -> float | None:
        return self.errors / self.invocations if self.invocations else None

    @property
    def mean_score(self) -> float | None:
        return float(np.mean(self.scores)) if self.scores else None


def judge(champion: Figures, challenger: Figures, rollout: Rollout) -> list[Verdict]:
    """A verdict per rule. What can't be judged has not passed.

    A handful of customers' requests tells neither latency nor scores; only several errors are enough to go back.
    """
    fewest = min(champion.invocations, challenger.invocations)
    enough = fewest >= rollout.min_invocations or (champion.paired and challenger.paired)
    error_rate = challenger.error_rate if enough or challenger.errors >= FEWEST_ERRORS else None
    latency = latency_ratio(champion, challenger) if enough else None
    shift = score_shift(champion, challenger, rollout.min_invocations) if enough else None
    return [
        at_least(INVOCATIONS, fewest, rollout.min_invocations),
        _at_most(ERRORS, error_rate, (champion.error_rate or 0.0) + rollout.max_error_rate),
        _at_most(LATENCY, latency, rollout.max_latency_ratio),
        _at_most(SCORES, shift, rollout.max_score_shift),
    ]


def decide(verdicts: Iterable[Verdict]) -> Decision:
    """Back if a rule is missed, forward if all are met, and else wait: too little was seen.

    A challenger that answers nothing right has no scores and no latency, but its errors are enough to go back.
    """
    found = list(verdicts)
    if any(v.value is not None and not v.passed and v.figure != INVOCATIONS for v in found):
        return "roll back"
    return "promote" if all_passed(found) else "wait"


def failed(verdicts: Iterable[Verdict]) -> str:
    """The missed and the unjudged figures, as the end of a sentence."""
    return ", ".join(str(verdict) for verdict in verdicts if not verdict.passed)


def latency_ratio(champion: Figures, challenger: Figures) -> float | None:
    if not champion.latency_ms or challenger.latency_ms is None:
        return None
    return challenger.latency_ms / champion.latency_ms


def score_shift(champion: Figures, challenger: Figures, fewest: int) -> float | None:
    """The stability index of the scores, less what chance alone may make of two samples of different customers."""
    ours, theirs = champion.scores, challenger.scores
    paired = champion.paired and challenger.paired
    if min(len(ours), len(theirs)) < (min(fewest, _FEWEST_PAIRED) if paired else fewest):
        return None
    bins = min(_BINS, max(2, len(ours) // _PER_BIN))
    edges = np.unique(np.quantile(ours, np.arange(1, bins) / bins))
    index = psi(_shares(ours, edges), _shares(theirs, edges))
    return index if paired else max(0.0, index - _by_chance(len(edges) + 1, len(ours), len(theirs)))


def _by_chance(bins: int, one: int, other: int) -> float:
    """Two samples differ as one does from a known distribution, if it is as large as half their harmonic mean."""
    return chance(bins, 1 / (1 / one + 1 / other))


def _shares(scores: Sequence[float], edges: np.ndarray) -> list[float]:
    counts = np.bincount(np.searchsorted(edges, scores, side="right"), minlength=len(edges) + 1)
    return [float(share) for share in counts / len(scores)]


def _at_most(figure: str, value: float | None, limit: float) -> Verdict:
    verdict = at_most(figure, value, limit)
    return verdict if value is not None else replace(verdict, not_judged="too little was seen")
