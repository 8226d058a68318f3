"""Where a tuning job looks: inside its ranges, on their scales, reproducibly, and better and better where it learns."""

from __future__ import annotations

import math
import statistics
from typing import Any

import numpy as np
import pytest

from local.aws.sagemaker.tuning_early_stop import is_hopeless
from local.aws.sagemaker.tuning_ranges import Space, space_of
from local.aws.sagemaker.tuning_search import Bayesian, Random, Search, Seen


def number(name: str, low: float, high: float, scale: str = "Auto") -> dict[str, Any]:
    return {"Name": name, "MinValue": str(low), "MaxValue": str(high), "ScalingType": scale}


def continuous(low: float, high: float, scale: str = "Auto") -> Space:
    return space_of({"ContinuousParameterRanges": [number("x", low, high, scale)]})


def integer(low: int, high: int, scale: str = "Auto") -> Space:
    return space_of({"IntegerParameterRanges": [number("x", low, high, scale)]})


def values(space: Space, count: int = 400) -> list[float]:
    random = np.random.default_rng(7)
    return [float(space.draw(random)["x"]) for _ in range(count)]


def test_integers_are_drawn_evenly_with_both_ends() -> None:
    drawn = values(integer(2, 5, "Linear"))
    assert set(drawn) == {2, 3, 4, 5}
    assert min(drawn.count(value) for value in (2, 3, 4, 5)) > 70
    assert set(values(integer(3, 3))) == {3}


def test_a_logarithmic_range_has_as_many_values_in_each_order_of_magnitude() -> None:
    drawn = values(continuous(0.001, 10, "Logarithmic"))
    assert all(0.001 <= value <= 10 for value in drawn)
    assert statistics.fmean(value < 0.1 for value in drawn) == pytest.approx(0.5, abs=0.08)
    whole = values(integer(1, 50, "Logarithmic"))
    assert (min(whole), max(whole)) == (1, 50)
    assert statistics.fmean(value <= 7 for value in whole) == pytest.approx(
        math.log(8) / math.log(51), abs=0.08
    )


def test_a_linear_range_and_a_reverse_logarithmic_one() -> None:
    assert statistics.fmean(v < 0.3 for v in values(continuous(0, 1, "Linear"))) == pytest.approx(
        0.3, abs=0.08
    )
    near_one = values(continuous(0, 0.999, "ReverseLogarithmic"))
    assert all(0 <= value <= 0.999 for value in near_one)
    assert statistics.fmean(value > 0.9 for value in near_one) == pytest.approx(2 / 3, abs=0.08)


@pytest.mark.parametrize(
    ("low", "high", "middle"), [(1, 10_000, 100), (1, 10, 5.5), (0, 1000, 500), (0.03, 0.3, 0.165)]
)
def test_auto_is_logarithmic_over_more_than_one_order_of_magnitude(
    low: float, high: float, middle: float
) -> None:
    """Half of the values are below the middle: the geometric one of the first range only."""
    drawn = values(continuous(low, high))
    assert statistics.fmean(value < middle for value in drawn) == pytest.approx(0.5, abs=0.08)


def test_the_same_seed_and_number_give_the_same_values_whatever_the_results() -> None:
    space = continuous(0.03, 0.3)

    def path(seed: int, losses: list[float | None]) -> list[dict[str, str]]:
        seen: list[Seen] = []
        for loss in losses:
            seen.append(Seen(Random(space, seed).next_values(seen), loss))
        return [dict(trial.values) for trial in seen]

    assert path(1, [None, 1.0, 2.0]) == path(1, [3.0, None, None])
    assert path(1, [None] * 3) != path(2, [None] * 3)
    assert len({trial["x"] for trial in path(1, [None] * 3)}) == 3


def test_no_value_is_tried_twice_as_long_as_there_is_another() -> None:
    search, seen = Random(integer(1, 4), 7), list[Seen]()
    for _ in range(5):
        seen.append(Seen(search.next_values(seen), 0.5))
    assert {trial.values["x"] for trial in seen[:4]} == {"1", "2", "3", "4"}
    assert seen[4].values["x"] in {"1", "2", "3", "4"}  # there is no other


RANGES = {
    "ContinuousParameterRanges": [number("x", 0, 1, "Linear"), number("y", 0, 1, "Linear")],
    "CategoricalParameterRanges": [{"Name": "kind", "Values": ["good", "bad"]}],
}


def lowest(search: Search, trials: int) -> float:
    """The lowest loss of a bowl around (0.3, 0.7), which one of two categories lifts."""
    seen: list[Seen] = []
    for _ in range(trials):
        tried = search.next_values(seen)
        bowl = (float(tried["x"]) - 0.3) ** 2 + (float(tried["y"]) - 0.7) ** 2
        seen.append(Seen(tried, bowl + (tried["kind"] == "bad")))
    return min(trial.loss for trial in seen if trial.loss is not None)


def test_bayesian_search_learns_from_the_results() -> None:
    space = space_of(RANGES)
    learned = [lowest(Bayesian(space, seed), 18) for seed in range(8)]
    drawn = [lowest(Random(space, seed), 18) for seed in range(8)]
    assert statistics.median(learned) < statistics.median(drawn) / 5
    assert statistics.median(learned) < 0.002


def test_bayesian_trials_side_by_side_are_apart() -> None:
    space = continuous(0, 1, "Linear")
    judged = [Seen({"x": str(x)}, (x - 0.5) ** 2) for x in (0.0, 0.2, 0.8, 1.0)]
    first = Bayesian(space, 7).next_values(judged)
    second = Bayesian(space, 7).next_values([*judged, Seen(first, None)])
    assert abs(float(first["x"]) - float(second["x"])) > 0.02


def test_bayesian_search_takes_equal_losses_and_a_space_that_is_used_up() -> None:
    same = [Seen({"x": str(x)}, 0.5) for x in (1, 2, 3)]
    assert Bayesian(integer(1, 4), 7).next_values(same) == {"x": "4"}
    assert Bayesian(integer(1, 3), 7).next_values(same)["x"] in {"1", "2", "3"}


@pytest.mark.parametrize(
    ("losses", "judged", "completed", "hopeless"),
    [
        ([0.9, 0.7, 0.6], 0, [[1.0, 0.5, 0.25]], True),  # 0.6 is above (1.0 + 0.5 + 0.25) / 3
        ([0.9, 0.7], 0, [[1.0, 0.5, 0.25]], False),
        ([0.9, 0.7, 0.6], 3, [[1.0, 0.5, 0.25]], False),  # all were judged before
        ([0.8], 0, [[0.5], [0.9], [1.0]], False),  # the median is 0.9
        ([0.95], 0, [[0.5], [0.9], [1.0]], True),
        ([0.9, 0.74, 0.7], 0, [[1.0, 0.5]], False),  # a shorter trial counts with all its epochs: 0.75
        ([0.9, 0.8, 0.8], 2, [[1.0, 0.5]], True),
        ([9.0], 0, [], False),
        ([9.0], 0, [[]], False),
        ([], 0, [[1.0]], False),
        ([0.5, 9.0], 1, [[1.0, 1.0]], True),
    ],
)
def test_the_median_rule(
    losses: list[float], judged: int, completed: list[list[float]], hopeless: bool
) -> None:
    assert is_hopeless(losses, judged, completed) is hopeless
