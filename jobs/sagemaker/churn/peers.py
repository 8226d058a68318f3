"""What one would use instead, on the same rows: an RFM rule, logistic regression, BG/NBD and XGBoost as in a tutorial."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.special import expit

from jobs.sagemaker.churn import alive, inputs, trees
from jobs.sagemaker.churn.linear import Logistic
from jobs.sagemaker.churn.trees import Settings

Probabilities = Callable[[pd.DataFrame], np.ndarray]
FITH = 5
_NO_RIDGE = 1.0


def rfm_rule(rows: pd.DataFrame, settings: Settings, known: pd.DataFrame) -> Probabilities:
    """Fifths of recency, frequency and value, added up. A sum's probability is its rate of churn, a little smoothed."""
    del settings, known
    edges = {
        name: np.quantile(inputs.numbers(rows, name), np.arange(1, FITH) / FITH)
        for name in ("recency_days", "orders", "amount")
    }

    def points(of: pd.DataFrame) -> np.ndarray:
        fifth = {
            name: np.searchsorted(cuts, inputs.numbers(of, name), "right") for name, cuts in edges.items()
        }
        return np.asarray(FITH - 1 - fifth["recency_days"] + fifth["orders"] + fifth["amount"])

    most = 3 * (FITH - 1) + 1
    of_row, churned = points(rows), rows["churned"].to_numpy(float)
    sizes = np.bincount(of_row, minlength=most)
    rate = (np.bincount(of_row, churned, most) + 5 * churned.mean()) / (sizes + 5)
    return lambda of: rate[points(of)]


def logistic(rows: pd.DataFrame, settings: Settings, known: pd.DataFrame) -> Probabilities:
    del settings, known
    line = Logistic.fitted(inputs.classic(rows).values, rows["churned"].to_numpy(float), _NO_RIDGE)
    return lambda of: line.probability(inputs.classic(of).values)


def bg_nbd(rows: pd.DataFrame, settings: Settings, known: pd.DataFrame) -> Probabilities:
    """Fitted without labels; the labels then tell, by Platt's two numbers, how far its probabilities are to be believed."""
    buyers = alive.fitted(known)

    def score(of: pd.DataFrame) -> np.ndarray:
        return alive.silent(buyers, of, settings.horizon_days)[:, None]

    line = Logistic.fitted(score(rows), rows["churned"].to_numpy(float), 0.0)
    return lambda of: line.probability(score(of))


def xgboost_plain(rows: pd.DataFrame, settings: Settings, known: pd.DataFrame) -> Probabilities:
    """All columns, the library's defaults and a hundred rounds."""
    del known
    columns = inputs.present(rows)
    plain = Settings(
        settings.horizon_days, settings.seed, 100, 6, 0.3, min_child_weight=1, subsample=1, colsample=1, l2=1
    )
    forest = trees.grown(inputs.raw(rows, columns), rows["churned"].to_numpy(float), plain, constrained=False)
    return lambda of: np.asarray(expit(trees.score(forest, inputs.raw(of, columns))))


PEERS: dict[str, Callable[[pd.DataFrame, Settings, pd.DataFrame], Probabilities]] = {
    "rfm_rule": rfm_rule,
    "logistic": logistic,
    "bg_nbd": bg_nbd,
    "xgboost_plain": xgboost_plain,
}
