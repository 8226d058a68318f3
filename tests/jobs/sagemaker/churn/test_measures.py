"""Figures against values worked out by hand, with ties, and against scikit-learn's definitions written out."""

from __future__ import annotations

import numpy as np
import pytest

from jobs.sagemaker.churn.measures import (
    auc,
    average_precision,
    bins,
    calibration_error,
    lift,
    log_loss,
    measures,
)

CHURNED = np.array([1, 0, 1, 0, 0], float)
SAID = np.array([0.9, 0.8, 0.5, 0.5, 0.1])


def test_auc_counts_a_tie_as_half() -> None:
    assert auc(CHURNED, SAID) == pytest.approx((3 + 1.5) / 6)


def test_average_precision_takes_ties_together() -> None:
    assert average_precision(CHURNED, SAID) == pytest.approx(0.5 * 1 + 0.5 * 2 / 4)


def test_ties_do_not_depend_on_the_order_of_rows() -> None:
    draw = np.random.default_rng(1)
    churned, said = (draw.random(500) < 0.4).astype(float), draw.integers(0, 6, 500) / 5
    shuffled = draw.permutation(500)
    for figure in (auc, average_precision, log_loss, calibration_error, lift):
        assert figure(churned[shuffled], said[shuffled]) == pytest.approx(figure(churned, said), abs=1e-12)


def test_log_loss_of_a_sure_mistake_is_finite() -> None:
    assert log_loss(np.array([1.0]), np.array([0.0])) == pytest.approx(-np.log(1e-6))
    assert log_loss(np.array([1.0, 0.0]), np.array([0.8, 0.4])) == pytest.approx(
        -(np.log(0.8) + np.log(0.6)) / 2
    )


def test_bins_are_of_equal_mass_and_ties_share_theirs() -> None:
    assert np.bincount(bins(np.arange(150) / 150)).tolist() == [10] * 15
    tied = bins(np.r_[np.full(100, 0.2), np.linspace(0.3, 0.9, 50)])
    assert len(set(tied[:100])) == 1
    assert set(tied[100:]).isdisjoint(tied[:100])


def test_calibration_error_is_the_weighed_distance_of_bins() -> None:
    said = np.r_[np.full(75, 0.2), np.full(75, 0.6)]
    churned = np.r_[np.repeat([1, 0], [30, 45]), np.repeat([1, 0], [45, 30])].astype(float)
    assert calibration_error(churned, said) == pytest.approx((0.2 + 0.0) / 2)


def test_lift_takes_the_expected_part_of_a_tie() -> None:
    churned = np.r_[1, 1, np.zeros(18)].astype(float)
    assert lift(churned, np.r_[0.9, 0.8, np.full(18, 0.1)]) == pytest.approx(10)
    assert lift(churned, np.full(20, 0.5)) == pytest.approx(1)


def test_one_class_alone_has_no_ranking() -> None:
    found = measures(np.zeros(20), np.full(20, 0.1))
    assert (found["auc"], found["average_precision"], found["lift10"]) == (None, None, None)
    assert found["brier"] == pytest.approx(0.01)
