"""Methods are weighed by what they would have been worth in weeks that they had not seen."""

from __future__ import annotations

import numpy as np

from jobs.sagemaker.candidates import METHODS, SLOW, STEADY, UNPROVEN, mixed, weigh

WEEKS, SERIES = 8, 60


def world(**factors: float) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Forecasts off by a factor each, units that vary, weeks."""
    draw = np.random.default_rng(5)
    week = np.repeat(np.arange(WEEKS), SERIES)
    units = 50 * draw.lognormal(0, 0.2, len(week))
    return {method: np.full(len(week), 50.0 * factors.get(method, 1.0)) for method in METHODS}, units, week


def test_methods_that_do_equally_well_keep_the_weights_of_the_unproven() -> None:
    forecasts, units, week = world()
    assert weigh(forecasts, np.zeros(len(week), bool), units, week) == {SLOW: UNPROVEN, STEADY: UNPROVEN}


def test_a_method_that_does_better_beyond_chance_gets_the_weight() -> None:
    forecasts, units, week = world(wide=2.0, narrow=2.0)
    slow = np.arange(len(week)) % 2 == 0
    forecasts = {name: np.where(slow, values, 50.0) for name, values in forecasts.items()}
    found = weigh(forecasts, slow, units, week)
    assert found[SLOW][METHODS.index("plain")] >= 0.75
    assert found[STEADY] == UNPROVEN


def test_one_good_week_is_chance() -> None:
    forecasts, units, week = world(wide=1.3, narrow=1.3)
    units = np.where(week == 3, units, units * 1.3)
    assert weigh(forecasts, np.zeros(len(week), bool), units, week)[STEADY] == UNPROVEN


def test_weeks_of_one_number_say_nothing() -> None:
    forecasts, units, week = world(wide=2.0, narrow=2.0)
    assert weigh(forecasts, np.zeros(len(week), bool), units, np.zeros_like(week))[STEADY] == UNPROVEN


def test_the_mean_is_of_logarithms() -> None:
    forecasts, _, week = world(wide=0.5, narrow=2.0)
    found = mixed(forecasts, np.zeros(len(week), bool), {SLOW: UNPROVEN, STEADY: UNPROVEN})
    np.testing.assert_allclose(found + 0.5, np.sqrt(25.5 * 100.5))
