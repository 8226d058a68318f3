"""The model that is registered: the blend, or logistic regression where that is better; calibrated."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from jobs.sagemaker.churn import alive, calibration, inputs
from jobs.sagemaker.churn.bgnbd import BgNbd
from jobs.sagemaker.churn.blend import Blend
from jobs.sagemaker.churn.calibration import Calibration
from jobs.sagemaker.churn.linear import Logistic
from jobs.sagemaker.churn.measures import average_precision, log_loss, losses
from jobs.sagemaker.churn.trees import Settings

BLEND, LOGISTIC = "blend", "logistic"
METHODS = (BLEND, LOGISTIC)
FEWEST_ROWS, FEWEST_OF_A_CLASS = 100, 5
_BEYOND_CHANCE = 2.0
"""Standard errors by which logistic regression's log loss must be lower for it to be chosen."""
_FILE = "churner.json"


class TooFewError(ValueError):
    """Not enough rows, or not enough of one kind, to train on."""


@dataclass(frozen=True)
class Choice:
    """Which method was chosen, and what it and the simpler one did on customers whom they had not seen."""

    method: str
    why: str
    log_loss: dict[str, float]
    average_precision: dict[str, float]


@dataclass(frozen=True)
class Churner:
    settings: Settings
    choice: Choice
    calibration: Calibration
    blend: Blend | None
    line: Logistic

    @classmethod
    def fitted(
        cls,
        rows: pd.DataFrame,
        settings: Settings,
        known: pd.DataFrame | None = None,
        progress: Callable[[float], None] = lambda _: None,
        method: str | None = None,
    ) -> Churner:
        """Trained on rows with known labels, in whatever order. `known` may add rows without labels, as of a later date.

        After each fold, `progress` is called with the log loss of the blend on unseen customers, over the folds so far.
        Without a `method`, the better one is chosen.
        """
        rows = inputs.in_order(rows)
        _refuse_too_few(rows)
        seen = rows if known is None else pd.concat([rows, known], ignore_index=True)
        buyers = alive.fitted(seen)
        unseen, line = _unseen(rows, settings, buyers, progress)
        latest = (rows["as_of"] == rows["as_of"].max()).to_numpy()
        churned, fold = rows["churned"].to_numpy(float), inputs.folds(rows["customer_id"])
        choice = _choice(unseen, churned, rows["customer_id"], method)
        score = unseen[choice.method]
        kept = calibration.chosen(score[latest], churned[latest], fold[latest])
        whole = Blend.fitted(rows, settings, buyers) if choice.method == BLEND else None
        return cls(settings, choice, kept, whole, line)

    def score(self, rows: pd.DataFrame) -> np.ndarray:
        if self.blend is not None:
            return self.blend.score(rows)
        return self.line.logit(inputs.classic(rows).values)

    def probability(self, rows: pd.DataFrame) -> np.ndarray:
        return self.calibration.probability(self.score(rows))

    def explained(self, rows: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame]:
        """The probability, and what each feature adds to the log odds compared with the average customer of training."""
        if self.blend is not None:
            score, added = self.blend.explained(rows)
        else:
            view = inputs.classic(rows)
            score = self.line.logit(view.values)
            added = pd.DataFrame(dict(zip(view.of, self.line.contributions(view.values).T, strict=True)))
        return self.calibration.probability(score), added

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if self.blend is not None:
            self.blend.save(folder)
        document = {
            "settings": asdict(self.settings),
            "choice": asdict(self.choice),
            "calibration": self.calibration.document(),
            "line": self.line.document(),
        }
        (folder / _FILE).write_text(json.dumps(document, sort_keys=True))

    @classmethod
    def load(cls, folder: Path) -> Churner:
        told = json.loads((folder / _FILE).read_text())
        choice = Choice(**told["choice"])
        return cls(
            Settings(**told["settings"]),
            choice,
            Calibration.of_document(told["calibration"]),
            Blend.load(folder) if choice.method == BLEND else None,
            Logistic.of_document(told["line"]),
        )


def _unseen(
    rows: pd.DataFrame, settings: Settings, buyers: BgNbd, progress: Callable[[float], None]
) -> tuple[dict[str, np.ndarray], Logistic]:
    """Scores of each customer by methods trained on other customers, and logistic regression trained on all."""
    churned, fold = rows["churned"].to_numpy(float), inputs.folds(rows["customer_id"])
    classic = inputs.classic(rows).values
    found = {BLEND: np.empty(len(rows)), LOGISTIC: np.empty(len(rows))}
    for one in range(inputs.FOLDS):
        inside = fold == one
        blend = Blend.fitted(rows[~inside], settings, buyers, seeds=1)
        found[BLEND][inside] = blend.score(rows[inside])
        line = Logistic.fitted(classic[~inside], churned[~inside], 1.0)
        found[LOGISTIC][inside] = line.logit(classic[inside])
        done = fold <= one
        progress(log_loss(churned[done], np.asarray(expit(found[BLEND][done]))))
    return found, Logistic.fitted(classic, churned, 1.0)


def _choice(
    unseen: dict[str, np.ndarray],
    churned: np.ndarray,
    customers: pd.Series[Any],
    method: str | None = None,
) -> Choice:
    said = {method: np.asarray(expit(score)) for method, score in unseen.items()}
    loss = {method: round(log_loss(churned, one), 6) for method, one in said.items()}
    precision = {method: round(average_precision(churned, one), 6) for method, one in said.items()}
    figures = (
        f"log loss {loss[BLEND]:.4f} and average precision {precision[BLEND]:.4f} of the blend, "
        f"{loss[LOGISTIC]:.4f} and {precision[LOGISTIC]:.4f} of logistic regression, on customers not trained on"
    )
    if method is not None:
        return Choice(method, f"the method of the model that is judged: {figures}", loss, precision)
    lost = _by_customer(losses(churned, said[BLEND]) - losses(churned, said[LOGISTIC]), customers)
    if not lost.any() or lost.mean() > _BEYOND_CHANCE * lost.std() / np.sqrt(len(lost)):
        return Choice(LOGISTIC, f"the simpler one is not beaten: {figures}", loss, precision)
    return Choice(BLEND, f"logistic regression is not better beyond chance: {figures}", loss, precision)


def _by_customer(lost: np.ndarray, customers: pd.Series[Any]) -> np.ndarray:
    """A customer's mean over its dates, which say much the same: only different customers are independent of each other."""
    _, of_row = np.unique(customers.astype(str).to_numpy(dtype=str), return_inverse=True)
    return np.asarray(np.bincount(of_row, lost) / np.bincount(of_row))


def _refuse_too_few(rows: pd.DataFrame) -> None:
    churned = int(rows["churned"].astype(bool).sum())
    fewest = min(churned, len(rows) - churned)
    if len(rows) < FEWEST_ROWS or fewest < FEWEST_OF_A_CLASS:
        raise TooFewError(
            f"{len(rows)} training rows, of which {churned} churned: at least {FEWEST_ROWS} rows with "
            f"{FEWEST_OF_A_CLASS} of either kind are needed; give more history or another horizon"
        )
