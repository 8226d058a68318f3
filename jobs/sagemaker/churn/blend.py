"""Our score: two logistic regressions and boosted trees, weighed in log odds.

The straight one goes on where history is shorter than the future that it is asked about, the bent one and the trees know more
of what was seen. Weights are fixed: learned ones were worse on dates that they had not seen.
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
    def fitted(cls, rows: pd.DataFrame, settings: Settings, known: pd.DataFrame, seeds: int = SEEDS) -> Blend:
        """`known` are the rows from which BG/NBD learns, without regard to their labels."""
        churned = rows["churned"].to_numpy(float)
        columns = inputs.present(rows)
        buyers = alive.fitted(known)
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
        straight, bent, raw = self._views(rows)
        grown = sum((trees.score(one, raw) for one in self.grown), np.zeros(len(rows)))
        return np.asarray(
            STRAIGHT * self.straight.logit(straight.values)
            + BENT * self.bent.logit(bent.values)
            + TREES * grown / len(self.grown)
        )

    def contributions(self, rows: pd.DataFrame) -> pd.DataFrame:
        """What each feature adds to the score, compared with the average customer of training."""
        found: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(len(rows)))
        for weight, view, added in self._added(rows):
            for number, feature in enumerate(view.of):
                found[feature] = found[feature] + weight * added[:, number]
        return pd.DataFrame(dict(found), index=rows.index)

    def _added(self, rows: pd.DataFrame) -> Iterator[tuple[float, View, np.ndarray]]:
        straight, bent, raw = self._views(rows)
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
    straight = inputs.classic(rows).beside(of_buyers)
    return straight, straight.beside(inputs.bent(rows)), inputs.raw(rows, columns).beside(of_buyers)
