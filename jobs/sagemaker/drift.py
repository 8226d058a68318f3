"""How the features were distributed when the model was trained, so that a later day can be compared with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from jobs.demand_columns import PLAN, STATE

RECENT_WEEKS = 52
_BINS = 10


def distributions(features: pd.DataFrame, weeks: int = RECENT_WEEKS) -> dict[str, Any]:
    """Per column the inner edges of ten equal parts, the share of rows in each, and the share of missing values."""
    history = features[~features["is_future"].astype(bool)]
    week = pd.to_datetime(history["week"])
    recent = history[week > week.max() - pd.Timedelta(weeks=weeks)]
    return {
        name: distribution(recent[name].astype("float64").to_numpy()) for name in (*STATE, *PLAN, "units")
    }


def distribution(values: np.ndarray, edges: list[float] | None = None) -> dict[str, Any]:
    known = values[~np.isnan(values)]
    missing = 1.0 - len(known) / len(values) if len(values) else 1.0
    if edges is None:
        cuts = np.quantile(known, np.arange(1, _BINS) / _BINS) if len(known) else np.array([])
        edges = [float(edge) for edge in np.unique(cuts)]
    counts = np.bincount(np.searchsorted(edges, known, side="right"), minlength=len(edges) + 1)
    shares = counts / max(len(values), 1)
    return {
        "edges": edges,
        "shares": [round(float(share), 6) for share in shares],
        "missing": round(missing, 6),
    }
