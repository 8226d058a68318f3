"""A challenger is promoted if all its figures are within the limits, and goes back if one is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tasks.serving.rollout import Figures, Rollout, decide, failed, judge, score_shift

ROLLOUT = Rollout(min_invocations=200, max_error_rate=0.02, max_latency_ratio=1.5, max_score_shift=0.2)
SCORES = tuple(np.random.default_rng(7).beta(2, 3, 1000))
CHAMPION = Figures("champion", 3, 2000, 10, 8.0, SCORES)
CHALLENGER = Figures("challenger", 4, 200, 3, 11.9, tuple(np.random.default_rng(8).beta(2, 3, 1000)))


def outcomes(champion: Figures, challenger: Figures) -> dict[str, str]:
    return {verdict.figure: verdict.outcome for verdict in judge(champion, challenger, ROLLOUT)}


def test_within_the_limits_is_promoted() -> None:
    verdicts = judge(CHAMPION, CHALLENGER, ROLLOUT)
    found = {v.figure: (v.value, v.limit) for v in verdicts}
    assert found["invocations"] == (200, 200)
    assert found["error_rate"] == (0.015, 0.025)  # the champion's 0.5% and 2% more
    assert found["latency_ratio"] == (pytest.approx(1.4875), 1.5)
    assert found["score_shift"][0] == 0.0  # no more than chance
    assert {v.outcome for v in verdicts} == {"ok"}
    assert decide(verdicts) == "promote"


@pytest.mark.parametrize(
    ("change", "figure"),
    [
        ({"errors": 6}, "error_rate"),
        ({"latency_ms": 12.1}, "latency_ratio"),
        ({"scores": tuple(min(1.0, s + 0.15) for s in SCORES)}, "score_shift"),
    ],
)
def test_one_missed_limit_is_the_way_back(change: dict[str, object], figure: str) -> None:
    challenger = replace(CHALLENGER, **change)  # type: ignore[arg-type]
    verdicts = judge(CHAMPION, challenger, ROLLOUT)
    assert {v.figure for v in verdicts if not v.passed} == {figure}
    assert decide(verdicts) == "roll back"
    assert failed(verdicts).startswith(f"{figure} = ")


@pytest.mark.parametrize(
    "change",
    [{"errors": 4}, {"latency_ms": 80.0}, {"scores": tuple(s / 2 for s in SCORES)}],
)
def test_a_handful_of_customers_requests_is_too_little_to_judge(change: dict[str, Any]) -> None:
    few = replace(CHALLENGER, invocations=199, **change)
    assert outcomes(CHAMPION, few) == {
        "invocations": "FAILED",
        "error_rate": "not judged: too little was seen",
        "latency_ratio": "not judged: too little was seen",
        "score_shift": "not judged: too little was seen",
    }
    assert decide(judge(CHAMPION, few, ROLLOUT)) == "wait"
    nothing = Figures("challenger", 4, 0, 0, None)
    assert decide(judge(replace(CHAMPION, invocations=0, latency_ms=None), nothing, ROLLOUT)) == "wait"
    told = failed(judge(CHAMPION, nothing, ROLLOUT))
    assert told.startswith(
        "invocations = 0 (limit 200) FAILED, error_rate = unknown (limit 0.0250) not judged: "
    )


def test_a_challenger_of_which_several_requests_failed_goes_back_however_few_asked() -> None:
    broken = Figures("challenger", 4, 5, 5, None)
    assert decide(judge(CHAMPION, broken, ROLLOUT)) == "roll back"
    assert decide(judge(CHAMPION, replace(broken, errors=4), ROLLOUT)) == "wait"


def test_scores_of_the_same_customers_are_compared_without_an_allowance() -> None:
    rng = np.random.default_rng(1)
    champion = replace(CHAMPION, scores=tuple(SCORES[:200]), paired=True)
    same = replace(champion, variant="challenger")
    other = replace(same, scores=tuple(rng.permutation(SCORES[:200])))
    assert score_shift(champion, same, 200) == 0.0
    assert score_shift(champion, other, 200) == 0.0
    moved = replace(same, scores=tuple(s * 0.7 for s in SCORES[:200]))
    paired, apart = (
        score_shift(champion, moved, 200),
        score_shift(CHAMPION, replace(moved, paired=False), 200),
    )
    assert paired is not None
    assert apart is not None
    assert paired > apart > 0.2


def test_chance_alone_seldom_misses_the_limit() -> None:
    rng = np.random.default_rng(3)
    shifts = [
        score_shift(
            replace(CHAMPION, scores=tuple(rng.beta(2, 3, 1800))),
            replace(CHALLENGER, scores=tuple(rng.beta(2, 3, 200))),
            200,
        )
        for _ in range(200)
    ]
    assert sum(shift > 0.05 for shift in shifts if shift is not None) <= 2
