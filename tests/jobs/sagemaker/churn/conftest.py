"""A dataset of customers whose rates and ends are known, small enough to train on in seconds."""

from __future__ import annotations

import os

# Before xgboost is imported: beside other work, threads that busy-wait for each other take ten times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from datetime import date

import numpy as np
import pandas as pd
import pytest

from bench.churn_table import due, labelled, training_dates
from bench.churn_worlds import grocer
from jobs.sagemaker.churn.trees import Settings

AS_OF, HORIZON = date(2007, 9, 1), 60
QUICK = Settings(horizon_days=HORIZON, rounds=40, learning_rate=0.15)


def dataset(customers: int = 900, seed: int = 3, origins: int = 8) -> pd.DataFrame:
    """As the Glue job writes it: origins with labels, and the rows of the date itself without."""
    orders = grocer(seed, customers)
    dates = training_dates(orders["order_ts"].min().date(), AS_OF, HORIZON)[:origins]
    history = [labelled(orders, day, HORIZON).assign(is_future=False) for day in dates]
    future = due(orders, AS_OF).assign(is_future=True)
    rows = pd.concat([*history, future], ignore_index=True)
    key = rows["customer_id"].str[1:].astype("int64")
    return rows.assign(
        as_of=rows["as_of"].dt.date,
        customer_key=key,
        region=np.where(key % 3 == 0, "North", "South"),
        is_active=pd.Series(np.where(key % 50 == 0, None, key % 7 > 0), dtype=object),
        tenure_days=rows["days_since_first_order"].where(key % 11 > 0),
        cancelled_rate=0.0,
        origin_of_features="gold",
    )


@pytest.fixture(scope="session")
def rows() -> pd.DataFrame:
    return dataset()


@pytest.fixture(scope="session")
def history(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[~rows["is_future"]].reset_index(drop=True)


@pytest.fixture(scope="session")
def future(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["is_future"]].drop(columns="churned").reset_index(drop=True)
