"""Bounds of each group by its own errors, leans mended as far as they last, losses that learn from rows of their own."""

from __future__ import annotations

import numpy as np
import pytest

from jobs.sagemaker.calibration import LEAST_IN_BIN, _bounds, _kept
from jobs.sagemaker.trees import Settings, _shares

ROWS = 20_000


def bounds(promoted: np.ndarray, spread: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    score = np.random.default_rng(1).normal(size=len(promoted)) * spread
    volume, step = np.arange(len(promoted)) % 4, (np.arange(len(promoted)) // 4) % 3
    low, high = _bounds(score, promoted, volume, step, 4)
    return np.array(low), np.array(high)


def test_promoted_weeks_have_bounds_as_wide_as_their_own_errors() -> None:
    promoted = np.random.default_rng(2).random(ROWS) < 0.2
    low, high = bounds(promoted, np.where(promoted, 3.0, 1.0))
    assert low.shape == high.shape == (2, 4, 3)
    # Eight in ten of a normal distribution lie within 1.2816 of its spread.
    np.testing.assert_allclose(high[0], 1.2816, rtol=0.15)
    np.testing.assert_allclose(high[1], 3 * 1.2816, rtol=0.25)
    np.testing.assert_allclose(low[1], -3 * 1.2816, rtol=0.25)


def test_too_few_promoted_weeks_share_the_bounds_of_all() -> None:
    promoted = np.arange(ROWS) < LEAST_IN_BIN - 1
    _, high = bounds(promoted, np.where(promoted, 30.0, 1.0))
    np.testing.assert_allclose(high[1], 1.2816, rtol=0.1)


def test_few_in_a_bin_share_those_of_the_next_larger_group() -> None:
    promoted = np.arange(ROWS) < 4 * 3 * (LEAST_IN_BIN - 1)  # enough of a volume, too few of a step of it
    _, high = bounds(promoted, np.where(promoted, 3.0, 1.0))
    assert (high[1] == high[1][:, :1]).all()
    assert len(set(high[1][:, 0])) == 4


def kept(lean: float, wobble: float, weeks: int = 13) -> float:
    """Of weeks of a thousand units each that lean by `lean` and differ from each other by `wobble`, in turn up and down."""
    week = np.repeat(np.arange(weeks), 100)
    forecast = np.full(len(week), 1000.0)
    units = forecast * np.exp(lean + wobble * np.where(week % 2, 1, -1))
    return _kept(lean, forecast, units, week)


@pytest.mark.parametrize(
    ("lean", "wobble", "least", "most"),
    [
        (0.0, 0.0, 0.0, 0.0),
        (0.05, 0.0, 0.5, 0.5),  # as large as horizons differ anyway
        (-0.3, 0.0, 0.97, 0.98),  # the trees' own: slow articles lean by so much everywhere
        (-0.3, 0.1, 0.95, 0.98),
        (0.1, 0.3, 0.3, 0.6),  # four weeks of which one was wild
    ],
)
def test_a_lean_is_mended_as_far_as_it_can_be_expected_to_last(
    lean: float, wobble: float, least: float, most: float
) -> None:
    assert least - 1e-9 <= kept(lean, wobble) <= most + 1e-9


def test_one_week_alone_says_nothing_of_how_weeks_differ() -> None:
    assert kept(0.05, 0.0, weeks=1) == pytest.approx(0.5)


def test_each_loss_has_rows_of_its_own_where_there_are_enough() -> None:
    settings = Settings(most_samples=100)
    one, other = _shares(200, settings)
    assert sorted({*one, *other}) == list(range(200))
    assert (len(one), len(other)) == (100, 100)
    few = _shares(80, settings)
    assert [list(rows) for rows in few] == [list(range(80))] * 2
    some = _shares(150, settings)
    assert sorted({*some[0], *some[1]}) == list(range(150))
    assert [len(rows) for rows in some] == [100, 100]
