"""How good the model would have been at the latest date whose churn is known, beside its peers on the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from jobs.sagemaker.churn import inputs
from jobs.sagemaker.churn.churner import Churner
from jobs.sagemaker.churn.measures import measures
from jobs.sagemaker.churn.peers import PEERS
from jobs.sagemaker.churn.trees import Settings

OURS = "ours"
FEWEST_IN_SEGMENT = 100
SEGMENTS: dict[str, tuple[str, list[float], list[str]]] = {
    "orders": ("orders", [1, 2, 5], ["1", "2", "3 to 5", "more than 5"]),
    "recency": ("recency_days", [30, 90], ["up to 30 days", "31 to 90 days", "more than 90 days"]),
    "tenure": ("days_since_first_order", [90, 365], ["up to 90 days", "91 to 365 days", "more than a year"]),
}
"""Of each: the column, the upper ends of all parts but the last, their names."""
NAMED = ("region", "country")


@dataclass(frozen=True)
class Evaluation:
    document: dict[str, Any]
    scores: pd.DataFrame
    """A row per customer and method."""


def evaluate(rows: pd.DataFrame, settings: Settings, as_of: str, method: str) -> Evaluation:
    """The latest date is judged; only dates whose labels were known on it train.

    `method` is that of the model that is to be registered: a choice of the evaluation's own could be another one.
    """
    rows = inputs.in_order(rows)
    dates = sorted(rows["as_of"].unique())
    judged_on = dates[-1]
    known_before = judged_on - pd.Timedelta(days=settings.horizon_days)
    training, judged = rows[rows["as_of"] <= known_before], rows[rows["as_of"] == judged_on]
    if training.empty:
        raise ValueError(
            f"no training date is {settings.horizon_days} days before the latest, {judged_on.date()}: "
            f"the earliest is {dates[0].date()}; give more history or a shorter horizon"
        )
    training, judged = training.reset_index(drop=True), judged.reset_index(drop=True)
    unlabelled = judged.drop(columns="churned")
    model = Churner.fitted(training, settings, known=unlabelled, method=method)
    known = pd.concat([training, unlabelled], ignore_index=True)
    said = {OURS: model.probability(unlabelled)}
    said |= {name: fit(training, settings, known)(unlabelled) for name, fit in PEERS.items()}
    churned = judged["churned"].to_numpy(float)
    figures = {name: measures(churned, probability) for name, probability in said.items()}
    document = {
        "as_of": as_of,
        "horizon_days": settings.horizon_days,
        "evaluated_on": judged_on.date().isoformat(),
        "origins": [day.date().isoformat() for day in sorted(training["as_of"].unique())],
        "training_rows": len(training),
        "rows": len(judged),
        "customers": int(judged["customer_id"].nunique()),
        "churn_rate": round(float(churned.mean()), 6),
        "training_churn_rate": round(float(training["churned"].mean()), 6),
        "chosen": model.choice.method,
        "why": model.choice.why,
        "calibration": model.calibration.kind,
        "methods": figures,
        "by_segment": _by_segment(judged, churned, said[OURS]),
        "shap": shap(model, unlabelled),
    }
    return Evaluation(document, _scores(judged, said))


def shap(model: Churner, rows: pd.DataFrame) -> dict[str, float]:
    """Mean absolute contribution of each feature to the log odds, the greatest first."""
    means = model.explained(rows)[1].abs().mean().sort_values(ascending=False, kind="stable")
    return {str(name): round(float(value), 6) for name, value in means.items()}


def _by_segment(rows: pd.DataFrame, churned: np.ndarray, probability: np.ndarray) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, of_row in segments(rows).items():
        found[name] = {}
        for part in sorted(set(of_row.dropna())):
            inside = (of_row == part).to_numpy()
            shown: dict[str, Any] = {
                "customers": int(inside.sum()),
                "churn_rate": round(float(churned[inside].mean()), 6),
                "mean_probability": round(float(probability[inside].mean()), 6),
            }
            if inside.sum() >= FEWEST_IN_SEGMENT:
                shown |= measures(churned[inside], probability[inside])
            found[name][str(part)] = shown
    return found


def segments(rows: pd.DataFrame) -> dict[str, pd.Series[Any]]:
    """The part of each row, by name of the division."""
    found = {}
    for name, (column, ends, parts) in SEGMENTS.items():
        place = np.searchsorted(ends, inputs.numbers(rows, column))
        found[name] = pd.Series(np.array(parts, dtype=object)[place], index=rows.index)
    for name in NAMED:
        if name in rows and rows[name].nunique() > 1:
            found[name] = rows[name]
    return found


def _scores(rows: pd.DataFrame, said: dict[str, np.ndarray]) -> pd.DataFrame:
    base = rows[["customer_id", "as_of", "churned"]].assign(
        as_of=rows["as_of"].dt.date, churned=rows["churned"].astype(bool), **segments(rows)
    )
    parts = [base.assign(method=name, probability=probability) for name, probability in said.items()]
    return pd.concat(parts, ignore_index=True)
