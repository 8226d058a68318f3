"""What BG/NBD says of each row: a peer's forecast, and columns for our own methods."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import logit

from jobs.sagemaker.churn.bgnbd import BgNbd, Purchases
from jobs.sagemaker.churn.inputs import View

NAME = "bg_nbd"
_SURE = 1e-6
_FEWEST = -15.0
"""Log odds below which a customer is as good as surely alive."""


def population(rows: pd.DataFrame) -> pd.DataFrame:
    """Each customer once, as of the last date: who is no longer due has not ordered since, so only time has passed.

    Without those who went, the fit would take all customers for loyal.
    """
    dates = pd.to_datetime(rows["as_of"])
    latest = rows.assign(as_of=dates).sort_values(["as_of", "customer_id"], kind="stable")
    once = latest.drop_duplicates("customer_id", keep="last")
    passed = (dates.max() - once["as_of"]).dt.days
    return once.assign(
        **{name: once[name] + passed for name in ("recency_days", "days_since_first_order")}
    ).reset_index(drop=True)


def fitted(rows: pd.DataFrame) -> BgNbd:
    return BgNbd.fitted(Purchases.of(population(rows)))


def silent(model: BgNbd, rows: pd.DataFrame, horizon: float) -> np.ndarray:
    """Log odds that no order comes within the horizon."""
    chance = np.clip(model.silent(Purchases.of(rows), horizon), _SURE, 1 - _SURE)
    return np.asarray(logit(chance))


def view(model: BgNbd, rows: pd.DataFrame, horizon: float) -> View:
    of = Purchases.of(rows)
    gone = np.maximum(model.odds_gone(of), _FEWEST)
    columns = (gone, model.quiet(of, horizon), silent(model, rows, horizon), np.logaddexp(0, gone))
    names = ("bg_nbd_gone", "bg_nbd_quiet", "bg_nbd_silent", "bg_nbd_not_alive")
    return View(names, (NAME,) * len(names), np.column_stack(columns))
