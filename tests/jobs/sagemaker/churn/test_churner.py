"""What is trained: the same in any order, better than chance, told apart by what it must be told apart by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contracts.shop.ml_features import ML_FEATURES
from jobs.sagemaker.churn import calibration, inputs, trees
from jobs.sagemaker.churn.churner import BLEND, LOGISTIC, Churner, _choice
from jobs.sagemaker.churn.inputs import View
from jobs.sagemaker.churn.linear import Logistic
from jobs.sagemaker.churn.measures import average_precision, log_loss
from jobs.sagemaker.churn.peers import PEERS
from tests.jobs.sagemaker.churn.conftest import QUICK


@pytest.fixture(scope="module")
def model(history: pd.DataFrame) -> Churner:
    return Churner.fitted(history, QUICK)


def test_features_are_the_contracts_numbers_and_may_be_null_where_it_says_so() -> None:
    columns = {column.name: column for column in ML_FEATURES.columns}
    always = {"recency_days", "days_since_first_order"}
    for name, may_be_null in inputs.FEATURES.items():
        assert columns[name].kind.split("(")[0] in ("integer", "number", "decimal", "boolean"), name
        assert may_be_null == (not columns[name].required and name not in always), name


def test_the_order_of_rows_makes_no_difference(
    model: Churner, history: pd.DataFrame, future: pd.DataFrame
) -> None:
    shuffled = history.sample(frac=1, random_state=5).reset_index(drop=True)
    again = Churner.fitted(shuffled, QUICK)
    np.testing.assert_array_equal(again.probability(future), model.probability(future))


def test_a_model_comes_back_as_it_was_saved(model: Churner, future: pd.DataFrame, tmp_path: Path) -> None:
    model.save(tmp_path)
    loaded = Churner.load(tmp_path)
    assert loaded.choice == model.choice
    np.testing.assert_array_equal(loaded.probability(future), model.probability(future))


def test_every_method_beats_the_base_rate_on_dates_it_has_not_seen(history: pd.DataFrame) -> None:
    rows = inputs.in_order(history)
    latest = rows["as_of"] == rows["as_of"].max()
    training = rows[rows["as_of"] <= rows["as_of"].max() - pd.Timedelta(days=60)].reset_index(drop=True)
    judged = rows[latest].drop(columns="churned").reset_index(drop=True)
    churned = rows.loc[latest, "churned"].to_numpy(float)
    known = pd.concat([training, judged], ignore_index=True)
    said = {name: fit(training, QUICK, known)(judged) for name, fit in PEERS.items()}
    said["ours"] = Churner.fitted(training, QUICK, known=judged).probability(judged)
    base = log_loss(churned, np.full(len(churned), churned.mean()))
    for name, probability in said.items():
        assert ((probability > 0) & (probability < 1)).all(), name
        assert log_loss(churned, probability) < (1 if name == "xgboost_plain" else 0.92) * base, name
    best = max(average_precision(churned, said[name]) for name in PEERS)
    assert average_precision(churned, said["ours"]) > 0.99 * best
    assert log_loss(churned, said["ours"]) < min(log_loss(churned, said[name]) for name in PEERS)


def test_contributions_add_up_to_the_score(model: Churner, future: pd.DataFrame) -> None:
    probability, added = model.explained(future)
    np.testing.assert_array_equal(probability, model.probability(future))
    rest = model.score(future) - added.sum(axis=1).to_numpy()
    np.testing.assert_allclose(rest, rest[0], atol=1e-4)


def test_longer_silence_never_lowers_what_the_trees_say(model: Churner, future: pd.DataFrame) -> None:
    assert model.blend is not None
    now = inputs.raw(future, ["recency_days"])
    names = (*model.blend.columns, *(f"bg_nbd_{name}" for name in ("gone", "quiet", "silent", "not_alive")))
    seen = model.blend._views(future)[2]
    assert seen.names == names
    later = seen.values.copy()
    later[:, names.index("recency_days")] = now.values[:, 0] + 30
    for one in model.blend.grown:
        moved = trees.score(one, View(names, names, later)) - trees.score(one, seen)
        assert moved.min() >= 0
        assert moved.max() > 0.05


def test_few_and_constant_columns_and_an_unknown_one_are_no_hindrance(
    history: pd.DataFrame, future: pd.DataFrame
) -> None:
    few = history[["customer_id", "as_of", "churned", *inputs.NEEDED]].assign(categories=0, amount=1.0)
    found = Churner.fitted(few, QUICK).probability(future.assign(categories=0, amount=1.0))
    assert np.isfinite(found).all()


def test_too_few_rows_of_one_kind_are_refused_with_figures(history: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="of which 0 churned: at least 100 rows with 5 of either kind"):
        Churner.fitted(history.assign(churned=False), QUICK)


def test_a_missing_column_is_named(history: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="without gap_ratio, as_of"):
        inputs.in_order(history.drop(columns=["gap_ratio", "as_of"]))


def test_customers_are_in_one_fold_whatever_the_date() -> None:
    found = inputs.folds(pd.Series(["A", "B", "A", "C1"]))
    assert found[0] == found[2]
    assert inputs.folds(pd.Series(["C00017"]))[0] == 1


def test_the_simplest_that_is_not_beaten_is_chosen() -> None:
    churned = np.array([1, 0, 1, 0, 1, 0] * 20, float)
    good, bad = np.where(churned > 0, 2.0, -2.0), np.tile([1.0, 0.5], 60)
    customers = pd.Series(range(120))
    assert _choice({BLEND: good, LOGISTIC: bad}, churned, customers).method == BLEND
    assert _choice({BLEND: bad, LOGISTIC: good}, churned, customers).method == LOGISTIC
    alike = _choice({BLEND: good, LOGISTIC: good}, churned, customers)
    assert alike.method == LOGISTIC
    assert "the simpler one is not beaten" in alike.why


@pytest.mark.filterwarnings("error")
def test_scores_beyond_all_doubt_cost_what_the_log_loss_says() -> None:
    churned = np.array([1, 0, 1, 0] * 30, float)
    sure = np.where(churned > 0, 800.0, -800.0)
    wrong = sure * np.where(np.arange(120) == 0, -1, 1)
    doubtful = np.where(churned > 0, 2.0, -2.0)
    customers = pd.Series(range(120))
    assert _choice({BLEND: sure, LOGISTIC: doubtful}, churned, customers).method == BLEND
    found = _choice({BLEND: doubtful, LOGISTIC: wrong}, churned, customers)
    assert found.method == BLEND
    assert found.log_loss[LOGISTIC] == pytest.approx(-np.log(1e-6) / 120, rel=1e-3)
    assert _choice({BLEND: -sure, LOGISTIC: sure}, churned, customers).method == LOGISTIC


def test_a_customer_at_many_dates_is_one_witness() -> None:
    """Ten customers, of whom six are worse off with the blend: at twelve dates each they prove no more than at one."""
    churned = np.ones(10)
    blend = np.where(np.arange(10) < 6, 0.5, 1.4)
    said = {BLEND: blend, LOGISTIC: np.ones(10)}
    once = _choice(said, churned, pd.Series(range(10)))
    often = _choice(
        {method: np.tile(score, 12) for method, score in said.items()},
        np.tile(churned, 12),
        pd.Series(np.tile(range(10), 12)),
    )
    assert once.method == often.method == BLEND


def test_logistic_regression_alone_can_be_the_model(
    model: Churner, future: pd.DataFrame, tmp_path: Path
) -> None:
    plain = replace(model, choice=replace(model.choice, method=LOGISTIC), blend=None)
    plain.save(tmp_path)
    probability, added = Churner.load(tmp_path).explained(future)
    np.testing.assert_array_equal(probability, plain.probability(future))
    assert set(added) == {"recency_days", "orders", "avg_order_value", "days_since_first_order",
                          "gap_ratio", "mean_gap_days"}  # fmt: skip


def test_newton_finds_the_coefficients_of_a_known_line() -> None:
    draw = np.random.default_rng(2)
    columns = draw.normal(size=(40_000, 2)) * [3, 0.5]
    chance = 1 / (1 + np.exp(-(0.4 + columns @ [0.3, -2.0])))
    line = Logistic.fitted(columns, (draw.random(40_000) < chance).astype(float), 0.0)
    np.testing.assert_allclose(line.weights / line.scale, [0.3, -2.0], atol=0.06)


def test_a_score_that_keeps_its_word_is_left_alone_and_a_wrong_one_is_not() -> None:
    draw = np.random.default_rng(3)
    score = draw.normal(size=6_000)
    fold = np.arange(6_000) % 3

    def of(true: np.ndarray) -> calibration.Calibration:
        churned = (draw.random(6_000) < 1 / (1 + np.exp(-true))).astype(float)
        return calibration.chosen(score, churned, fold)

    assert of(score).kind == calibration.NONE
    shifted = of(0.5 * score - 1)
    assert shifted.kind == calibration.PLATT
    assert (shifted.slope, shifted.intercept) == (pytest.approx(0.5, abs=0.08), pytest.approx(-1, abs=0.08))
    stepped = of(np.where(score > 0, 2.0, -2.0))
    assert stepped.kind == calibration.ISOTONIC
    np.testing.assert_allclose(stepped.probability(np.array([-1.0, 1.0])), [0.13, 0.87], atol=0.06)
    assert (np.diff(stepped.probability(np.linspace(-3, 3, 200))) > 0).all()
