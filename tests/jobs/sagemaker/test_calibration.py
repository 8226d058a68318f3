"""Bounds of each group by its own errors, leans mended as far as they last, losses that learn from rows of their own."""

from __future__ import annotations

import numpy as np
import pytest

from jobs.sagemaker.calibration import LEAST_CELLS, LEAST_IN_BIN, _bounds
from jobs.sagemaker.lean import kept
from jobs.sagemaker.scores import outer
from jobs.sagemaker.trees import Settings, _shares

ROWS = 20_000


def bounds(
    promoted: np.ndarray, spread: np.ndarray, cell: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    score = np.random.default_rng(1).normal(size=len(promoted)) * spread
    volume, step = np.arange(len(promoted)) % 4, (np.arange(len(promoted)) // 4) % 3
    cell = np.arange(len(promoted)) if cell is None else cell
    low, high = _bounds(score, cell, promoted, volume, step, 4)
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


def test_rows_of_few_articles_and_weeks_share_the_bounds_of_the_next_larger_group() -> None:
    promoted = np.random.default_rng(2).random(ROWS) < 0.5
    of_few = np.where(promoted, np.arange(ROWS) % (LEAST_CELLS - 1), LEAST_CELLS + np.arange(ROWS))
    _, high = bounds(promoted, np.where(promoted, 3.0, 1.0), of_few)
    assert len(set(high[1].ravel())) == 1  # of all weeks, promoted or not
    np.testing.assert_allclose(high[0], 1.2816, rtol=0.15)


@pytest.mark.parametrize(
    ("independent", "share"),
    [(4, 1.0), (9, 1.0), (10, 1.0), (19, 18 / 19), (40, 37 / 40), (99, 90 / 99), (100_000, 0.90001)],
)
def test_of_few_independent_errors_the_bound_lies_further_out(independent: int, share: float) -> None:
    assert outer(0.9, independent) == pytest.approx(share, abs=1e-9)


def kept_of(lean: float, wobble: float, weeks: int = 13, articles: int = 10, shared: float = 0.0) -> float:
    """Of rows of a thousand units that lean by `lean`; weeks differ by `wobble`, articles by `shared`, up and down."""
    week = np.repeat(np.arange(weeks), 100)
    article = np.tile(np.arange(100) % articles, weeks)
    forecast = np.full(len(week), 1000.0)
    swing = wobble * np.where(week % 2, 1, -1) + shared * np.where(article % 2, 1, -1)
    return kept(forecast, forecast * np.exp(lean + swing), article, week)


@pytest.mark.parametrize(
    ("lean", "wobble", "shared", "least", "most"),
    [
        (0.0, 0.0, 0.0, 0.0, 0.0),
        (0.09, 0.0, 0.0, 0.0, 0.0),  # horizons differ by as much anyway
        (-0.3, 0.0, 0.0, 0.85, 0.9),  # the trees' own: slow articles lean by so much everywhere
        (-0.3, 0.1, 0.0, 0.8, 0.9),
        (0.15, 0.3, 0.0, 0.0, 0.0),  # weeks of which half were wild
        (0.15, 0.0, 0.6, 0.0, 0.0),  # articles that had a good month in all their regions
    ],
)
def test_a_lean_is_mended_as_far_as_it_can_be_expected_to_last(
    lean: float, wobble: float, shared: float, least: float, most: float
) -> None:
    assert least - 1e-9 <= kept_of(lean, wobble, shared=shared) <= most + 1e-9


def test_a_lean_of_many_articles_is_kept_where_that_of_few_is_chance() -> None:
    assert kept_of(0.25, 0.0, articles=2, shared=0.3) == 0.0
    assert kept_of(0.25, 0.0, articles=100, shared=0.3) > 0.6


def kept_by_chance(draw: np.random.Generator, lean: float, articles: int, weeks: int, shock: float) -> float:
    """Of ten regions; what differs from `lean` is a shock of each article in each week, in all regions at once."""
    week, article, _ = (axis.ravel() for axis in np.indices((weeks, articles, 10)))
    forecast = np.full(len(week), 1000.0)
    shocks = np.exp(draw.normal(-(shock**2) / 2, shock, (weeks, articles)))
    return kept(forecast, forecast * np.exp(lean) * shocks[week, article], article, week)


@pytest.mark.parametrize("articles", [1, 2, 3, 10])
def test_where_no_lean_is_true_few_trials_mend_one_however_few_the_articles(articles: int) -> None:
    draw = np.random.default_rng(11)
    mended = [kept_by_chance(draw, 0.0, articles, 8, 0.5) > 0 for _ in range(300)]
    assert np.mean(mended) < 0.12


def test_a_shock_of_an_article_in_a_week_counts_once() -> None:
    """130 of them leave a variance of 0.0022: of a lean of 0.25 sharp, 0.70 is mended; 0.56 if they counted twice."""
    draw = np.random.default_rng(11)
    kept_shares = [kept_by_chance(draw, 0.25, 10, 13, 0.5) for _ in range(300)]
    assert 0.56 < np.mean(kept_shares) < 0.70


def test_a_lean_of_one_article_in_wild_weeks_is_chance() -> None:
    assert kept_of(0.15, 0.3, articles=1) == 0.0


def test_a_lean_of_wild_articles_in_one_week_is_chance() -> None:
    assert kept_of(0.15, 0.0, weeks=1, shared=0.6) == 0.0


def test_each_set_of_trees_has_rows_of_its_own_where_there_are_enough() -> None:
    settings = Settings(most_samples=100)
    parts = _shares(400, settings)
    assert sorted({*np.concatenate(parts).tolist()}) == list(range(400))
    assert [len(part) for part in parts] == [100] * 4
    assert [list(rows) for rows in _shares(80, settings)] == [list(range(80))] * 4
    some = _shares(250, settings)
    assert {*np.concatenate(some).tolist()} == set(range(250))
    assert [len(rows) for rows in some] == [100] * 4
