"""Weeks whose calendar is doubted: a forecast between the one that believes its flags and the one without any.

Trees that are shown such flags say what true ones would do. How many of them are true only the calendar's own past tells
(`calendar_trust`, jobs/glue/demand/demand_suspects.py). The trees do not look at it: they are asked twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from jobs.demand_columns import KIND
from jobs.sagemaker.design import SOFTENER
from jobs.sagemaker.panel import Columns, Floats

_WITHOUT: dict[str, Any] = {
    "is_promoted": 0.0, "discount": np.nan, "promos": 0.0, "planned_spend": np.nan, "weeks_into_promotion": 0.0,
    "competing_share": 0.0, "competing_discount": 0.0, KIND: None,
}  # fmt: skip
"""What the plan says of a week in which nothing of the category is promoted."""


def trust(columns: Columns) -> Floats:
    """A week of which nothing is told is not doubted."""
    return np.asarray(np.nan_to_num(columns["calendar_trust"].astype(np.float64), nan=1.0))


def trusted(forecasts: Callable[[Columns], dict[str, Floats]], columns: Columns) -> dict[str, Floats]:
    """Units by each method. Rows that are not doubted stay as `forecasts` has them, to the last bit."""
    believed, share = forecasts(columns), trust(columns)
    doubted = share < 1.0
    if not doubted.any():
        return believed
    without = forecasts(_without_flags({name: values[doubted] for name, values in columns.items()}))
    found = {method: units.copy() for method, units in believed.items()}
    for method, units in found.items():
        units[doubted] = _between(units[doubted], without[method], share[doubted])
    return found


def _without_flags(columns: Columns) -> Columns:
    rows = len(columns["is_promoted"])
    return {
        **columns,
        **{
            name: np.full(rows, value, dtype=np.object_ if name == KIND else np.float64)
            for name, value in _WITHOUT.items()
        },
    }


def _between(believed: Floats, without: Floats, share: Floats) -> Floats:
    """The mean of logarithms, because promotions multiply what is sold."""
    logarithm = share * np.log(believed + SOFTENER) + (1 - share) * np.log(without + SOFTENER)
    return np.asarray(np.maximum(np.exp(logarithm) - SOFTENER, 0.0))
