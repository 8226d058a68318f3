"""A fitted model: trees for series with a history, their category's profile for those without, nothing for the silent."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xgboost

from jobs.demand_columns import PROFILE, ZERO
from jobs.sagemaker.calibration import Calibration, calibrate
from jobs.sagemaker.panel import Columns, Floats, Panel
from jobs.sagemaker.trees import LOSSES, VIEWS, Settings, Trees, fit_trees
from jobs.sagemaker.trust import trust

METADATA_FILE = "metadata.json"
LEAST_CALIBRATION_WEEKS = 4


def trees_files() -> list[str]:
    """In the order of the boosters."""
    return [f"trees-{view}-{loss}.json" for view in VIEWS for loss in LOSSES]


def _booster(path: Path, threads: int) -> Any:
    booster = xgboost.Booster({"nthread": threads})
    booster.load_model(path)
    return booster


@dataclass(frozen=True)
class Forecaster:
    trees: Trees
    calibration: Calibration

    def predict(self, columns: Columns, model_type: npt.NDArray[np.object_]) -> pd.DataFrame:
        """predicted_units, lower, upper, in the order of the rows; finite, not negative, in order."""
        units = self.calibration.units(self.trees, columns)
        promoted = columns["is_promoted"].astype(np.float64) > 0
        lower, upper = self.calibration.interval(units, columns["step"].astype(np.float64), promoted)
        profile = _profile(columns)
        by_profile, silent = model_type == PROFILE, model_type == ZERO
        units = np.where(silent, 0.0, np.where(by_profile, profile, units))
        lower = np.where(silent, 0.0, np.where(by_profile, profile * self.calibration.profile_low, lower))
        upper = np.where(silent, 0.0, np.where(by_profile, profile * self.calibration.profile_high, upper))
        found = np.column_stack([units, lower, upper])
        if not np.isfinite(found).all() or (found < 0).any():
            raise AssertionError("a forecast is not a number or below zero")
        return pd.DataFrame({"predicted_units": units, "lower": lower, "upper": upper})

    def save(self, folder: Path, extra: dict[str, Any]) -> None:
        for name, booster in zip(trees_files(), self.trees.boosters, strict=True):
            booster.save_model(folder / name)
        document = {
            "kinds": self.trees.kinds,
            "names": self.trees.names,
            "calibration": self.calibration.as_json(),
            **extra,
        }
        (folder / METADATA_FILE).write_text(json.dumps(document, indent=1, sort_keys=True))

    @classmethod
    def load(cls, folder: Path, threads: int = 2) -> Forecaster:
        document = json.loads((folder / METADATA_FILE).read_text())
        trees = Trees(
            tuple(_booster(folder / name, threads) for name in trees_files()),
            tuple(document["kinds"]),
            tuple(document["names"]),
            threads,
        )
        return cls(trees, Calibration.from_json(document["calibration"]))


@dataclass
class Fits:
    """Forecasters of a panel by cutoff. Trees fitted for one origin calibrate the origin a horizon later."""

    panel: Panel
    settings: Settings
    steps: int
    _trees: dict[int, Trees] = field(default_factory=dict)

    def at(self, cutoff: int) -> Forecaster:
        since = cutoff - max(self.steps, LEAST_CALIBRATION_WEEKS)
        calibration = calibrate(self._fitted(since), self.panel, since, cutoff, self.steps)
        return Forecaster(self._fitted(cutoff), calibration)

    def _fitted(self, cutoff: int) -> Trees:
        if cutoff not in self._trees:
            self._trees[cutoff] = fit_trees(self.panel, cutoff, self.settings, self.steps)
        return self._trees[cutoff]


def _profile(columns: Columns) -> Floats:
    """The category's usual units in the region, lifted in promoted weeks as the category's promotions do."""
    usual = np.nan_to_num(columns["profile_units"].astype(np.float64))
    lift = np.clip(np.nan_to_num(columns["category_lift"].astype(np.float64)), 0.0, 2.0)
    lift = np.exp(trust(columns) * lift)
    return np.where(columns["is_promoted"].astype(np.float64) > 0, usual * lift, usual)
