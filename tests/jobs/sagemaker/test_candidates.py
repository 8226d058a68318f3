"""Methods are weighed by what they would have been worth in weeks that they had not seen."""

from __future__ import annotations

import numpy as np
import pytest

from jobs.sagemaker.candidates import METHODS, SLOW, STEADY, UNPROVEN, mixed, weigh

WEEKS, SERIES = 8, 60


def world(**factors: float) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Forecasts off by a factor each, units that vary, weeks."""
    draw = np.random.default_rng(5)
    week = np.repeat(np.arange(WEEKS), SERIES)
    units = 50 * draw.lognormal(0, 0.2, len(week))
    return {method: np.full(len(week), 50.0 * factors.get(method, 1.0)) for method in METHODS}, units, week


def weights_of(
    forecasts: dict[str, np.ndarray], slow: np.ndarray, units: np.ndarray, week: np.ndarray
) -> dict[str, tuple[float, ...]]:
    return {kind: choice.weights for kind, choice in weigh(forecasts, slow, units, week).items()}


@pytest.mark.parametrize("weeks", [4, 6, 8, 13])
def test_where_half_and_half_is_best_few_trials_choose_otherwise(weeks: int) -> None:
    """Both views are as good and miss different weeks, so that nothing is better than their mean."""
    draw = np.random.default_rng(3)
    week = np.repeat(np.arange(weeks), 20)

    def otherwise() -> bool:
        units = 50 * draw.lognormal(0, 0.3, len(week))
        off = {"wide": 0.3, "narrow": 0.3, "plain": 0.4}
        forecasts = {method: 50 * draw.lognormal(0, off[method], weeks)[week] for method in METHODS}
        return weights_of(forecasts, np.zeros(len(week), bool), units, week)[STEADY] != UNPROVEN

    assert np.mean([otherwise() for _ in range(400)]) < 0.05


@pytest.mark.parametrize(
    ("weeks", "errors", "proven"),
    [
        # How many standard errors the mean gain is away from none; one in a hundred by chance: 3.36, 3.00.
        (6, 3.1, False),
        (6, 3.6, True),
        (8, 2.7, False),
        (8, 3.3, True),
        (5, 50.0, False),  # of five weeks nothing is believed
    ],
)
def test_fewer_weeks_must_prove_more(weeks: int, errors: float, proven: bool) -> None:
    """The plain method is right, both views are too high by a percent or so, more in some weeks than in others."""
    wobble = np.where(np.arange(weeks) % 2, 1.0, -1.0)
    wobble -= wobble.mean()
    mean = errors * wobble.std(ddof=1) / np.sqrt(weeks)
    off = 1 + 0.001 * (mean + wobble)
    week, units = np.arange(weeks), np.full(weeks, 1e5)
    forecasts = {"wide": units * off, "narrow": units * off, "plain": units}
    found = weigh(forecasts, np.zeros(weeks, bool), units, week)[STEADY]
    assert found.weights == ((0.0, 0.0, 1.0) if proven else UNPROVEN)
    assert found.weeks == weeks
    assert found.gain == pytest.approx(0.001 * mean, rel=0.01)
    assert (found.needed is None) == (weeks < 6)


def test_the_errors_of_the_methods_are_told_with_the_choice() -> None:
    """Units of 50 each week, forecasts of 40, 60 and 55: off by 20, 20 and 10%; the first two have a mean of logarithms."""
    week = np.arange(8)
    forecasts = {
        name: np.full(8, units) for name, units in {"wide": 40.0, "narrow": 60.0, "plain": 55.0}.items()
    }
    found = weigh(forecasts, np.zeros(8, bool), np.full(8, 50.0), week)
    assert found[STEADY].wmape == pytest.approx({"wide": 0.2, "narrow": 0.2, "plain": 0.1})
    assert found[STEADY].unproven == pytest.approx((50 - (np.sqrt(40.5 * 60.5) - 0.5)) / 50)
    assert (found[SLOW].weights, found[SLOW].weeks, found[SLOW].needed) == (UNPROVEN, 0, None)


def test_a_method_that_does_better_beyond_chance_gets_the_weight() -> None:
    forecasts, units, week = world(wide=2.0, narrow=2.0)
    slow = np.arange(len(week)) % 2 == 0
    forecasts = {name: np.where(slow, values, 50.0) for name, values in forecasts.items()}
    found = weights_of(forecasts, slow, units, week)
    assert found[SLOW][METHODS.index("plain")] >= 0.75
    assert found[STEADY] == UNPROVEN


def test_one_good_week_is_chance() -> None:
    forecasts, units, week = world(wide=1.3, narrow=1.3)
    units = np.where(week == 3, units, units * 1.3)
    assert weights_of(forecasts, np.zeros(len(week), bool), units, week)[STEADY] == UNPROVEN


def test_weeks_of_one_number_say_nothing() -> None:
    forecasts, units, week = world(wide=2.0, narrow=2.0)
    assert weights_of(forecasts, np.zeros(len(week), bool), units, np.zeros_like(week))[STEADY] == UNPROVEN


def test_the_mean_is_of_logarithms() -> None:
    forecasts, _, week = world(wide=0.5, narrow=2.0)
    found = mixed(forecasts, np.zeros(len(week), bool), {SLOW: UNPROVEN, STEADY: UNPROVEN})
    np.testing.assert_allclose(found + 0.5, np.sqrt(25.5 * 100.5))
