"""Our score: two logistic regressions and boosted trees, weighed in log odds.

The straight one goes on where training saw a shorter history than the date that is scored, the bent one and the trees
know more of what was seen. Weights are fixed: learned ones were worse on dates that they had not seen.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xgboost

from jobs.sagemaker.churn import alive, inputs, trees
from jobs.sagemaker.churn.bgnbd import BgNbd
from jobs.sagemaker.churn.inputs import View
from jobs.sagemaker.churn.linear import Logistic
from jobs.sagemaker.churn.trees import Settings

STRAIGHT, BENT, TREES = 0.3, 0.3, 0.4
RIDGE = 20.0
SEEDS = 2
_FILE = "blend.json"


@dataclass(frozen=True)
class Blend:
    settings: Settings
    columns: list[str]
    buyers: BgNbd
    straight: Logistic
    bent: Logistic
    grown: list[xgboost.Booster]

    @classmethod
    def fitted(cls, rows: pd.DataFrame, settings: Settings, buyers: BgNbd, seeds: int = SEEDS) -> Blend:
        churned = rows["churned"].to_numpy(float)
        columns = inputs.present(rows)
        views = _views(rows, columns, buyers, settings.horizon_days)
        return cls(
            settings,
            columns,
            buyers,
            Logistic.fitted(views[0].values, churned, RIDGE),
            Logistic.fitted(views[1].values, churned, RIDGE),
            [trees.grown(views[2], churned, settings.reseeded(number)) for number in range(seeds)],
        )

    def score(self, rows: pd.DataFrame) -> np.ndarray:
        """Log odds of churn, not yet calibrated."""
        return self._score(*self._views(rows))

    def explained(self, rows: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame]:
        """The score, and what each feature adds to it compared with the average customer of training."""
        views = self._views(rows)
        found: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(len(rows)))
        for weight, view, added in self._added(*views):
            for number, feature in enumerate(view.of):
                found[feature] += weight * added[:, number]
        return self._score(*views), pd.DataFrame(found)

    def _score(self, straight: View, bent: View, raw: View) -> np.ndarray:
        grown = sum((trees.score(one, raw) for one in self.grown), np.zeros(len(raw.values)))
        lines = STRAIGHT * self.straight.logit(straight.values) + BENT * self.bent.logit(bent.values)
        return np.asarray(lines + TREES * grown / len(self.grown))

    def _added(self, straight: View, bent: View, raw: View) -> Iterator[tuple[float, View, np.ndarray]]:
        yield STRAIGHT, straight, self.straight.contributions(straight.values)
        yield BENT, bent, self.bent.contributions(bent.values)
        for one in self.grown:
            yield TREES / len(self.grown), raw, trees.contributions(one, raw)

    def _views(self, rows: pd.DataFrame) -> tuple[View, View, View]:
        return _views(rows, self.columns, self.buyers, self.settings.horizon_days)

    def save(self, folder: Path) -> None:
        for number, one in enumerate(self.grown):
            one.save_model(folder / f"trees-{number}.ubj")
        document = {
            "settings": asdict(self.settings),
            "columns": self.columns,
            "bg_nbd": asdict(self.buyers),
            "straight": self.straight.document(),
            "bent": self.bent.document(),
            "trees": len(self.grown),
        }
        (folder / _FILE).write_text(json.dumps(document, sort_keys=True))

    @classmethod
    def load(cls, folder: Path) -> Blend:
        told = json.loads((folder / _FILE).read_text())
        grown = []
        for number in range(told["trees"]):
            one = xgboost.Booster({"nthread": 1})
            one.load_model(folder / f"trees-{number}.ubj")
            grown.append(one)
        return cls(
            Settings(**told["settings"]),
            told["columns"],
            BgNbd(**told["bg_nbd"]),
            Logistic.of_document(told["straight"]),
            Logistic.of_document(told["bent"]),
            grown,
        )


def _views(rows: pd.DataFrame, columns: list[str], buyers: BgNbd, horizon: int) -> tuple[View, View, View]:
    of_buyers = alive.view(buyers, rows, horizon)
    classic = inputs.classic(rows)
    straight = classic.beside(of_buyers)
    return (
        straight,
        straight.beside(inputs.bent(rows, classic)),
        inputs.by_days(rows, columns).beside(of_buyers),
    )
