"""Bounds of the sums that planners order by: of an article over its regions, of a category, of a region, of the total.

Bounds do not add up, because not all series miss on the same side at once. If errors had nothing to do with each other, the
distances from forecast to bound would add as squares do; if all were one error, as they are. A level lies between the two,
by a share that is measured in weeks that the trees had not seen.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from jobs.sagemaker.panel import Floats
from jobs.sagemaker.scores import COVERAGE, outer

LEVELS = {
    "sku_region": ["sku_code", "region_code"],
    "sku": ["sku_code"],
    "category_region": ["category", "region_code"],
    "category": ["category"],
    "region": ["region_code"],
    "total": [],
}
_SIDES = {"below": "lower", "above": "upper"}


def summed(rows: pd.DataFrame, by: list[str], share: float) -> pd.DataFrame:
    """Forecasts of a level are the sums of its series', so that every level says the same; its bounds are not.

    Of rows with predicted_units, lower and upper; actual_units too where they have them. One series' bounds are its own.
    """
    sums = _sums(rows, by)
    for side, bound in _SIDES.items():
        squares = sums[f"{side}_squared"]
        distance = np.sqrt(squares + share * (sums[side] ** 2 - squares))
        ahead = sums["predicted_units"] + (distance if side == "above" else -distance)
        sums[bound] = ahead.clip(lower=0.0)
    return sums.drop(columns=[name for side in _SIDES for name in (side, f"{side}_squared")])


def measured_shares(rows: pd.DataFrame, same: list[str]) -> dict[str, float]:
    """By level, the share at which the bounds of sums contain eight in ten; `same` are the columns of one week's rows.

    A week that was forecast from several origins counts once, and so do regions: they share what shocks an article.
    """
    return {
        level: _share(_sums(rows, [*by, *same]), [*(name for name in by if name != "region_code"), same[-1]])
        for level, by in LEVELS.items()
    }


def _share(sums: pd.DataFrame, cell: list[str]) -> float:
    error = sums["actual_units"] - sums["predicted_units"]
    squares = sums["above_squared"].where(error > 0, sums["below_squared"])
    together = sums["above"].where(error > 0, sums["below"]) ** 2
    several = together > squares * (1 + 1e-9)
    if not several.any():
        return 1.0
    needed: Floats = ((error**2 - squares) / (together - squares))[several].to_numpy(float)
    cells = len(sums[several].reset_index()[cell].drop_duplicates())
    return float(np.clip(np.quantile(needed, outer(COVERAGE, cells)), 0.0, 1.0))


def _sums(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    below, above = rows["predicted_units"] - rows["lower"], rows["upper"] - rows["predicted_units"]
    parts = rows.assign(below=below, above=above, below_squared=below**2, above_squared=above**2)
    names = [name for name in ("actual_units", "predicted_units") if name in rows]
    sums: pd.DataFrame = parts.groupby(by)[[*names, "below", "above", "below_squared", "above_squared"]].sum()
    return sums
