"""From an order history to the rows that the methods are trained on and judged by, for one date at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from bench.churn_features import features

DUE_DAYS = 180
STEP_DAYS = 28
FEWEST_DUE = 500
HISTORY = 3
"""Horizons between the first order and the date."""
COLUMNS = {"customer_id": "text", "order_id": "text", "order_ts": "timestamp", "amount": "double"}


class Refused(ValueError):
    """A date that cannot be judged, with the figure that says why."""


@dataclass(frozen=True)
class Table:
    as_of: date
    training: pd.DataFrame
    scored: pd.DataFrame
    """All due customers of the date, without labels."""


def read_orders(orders: pd.DataFrame) -> pd.DataFrame:
    """The four columns. Moments stay as given, whatever their zone; orders without a customer or a moment say nothing."""
    if absent := [name for name in COLUMNS if name not in orders]:
        raise Refused(f"the orders have no column {', '.join(absent)}; needed are {', '.join(COLUMNS)}")
    orders = orders[orders["customer_id"].notna() & orders["order_ts"].notna()]
    if orders.empty:
        raise Refused("0 orders with a customer and a time")
    orders = orders[list(COLUMNS)].assign(
        customer_id=orders["customer_id"].astype(str),
        order_id=orders["order_id"].astype(str),
        order_ts=pd.to_datetime(orders["order_ts"]),
        amount=pd.to_numeric(orders["amount"]).astype(float),
    )
    if orders["order_ts"].dt.tz is not None:
        orders["order_ts"] = orders["order_ts"].dt.tz_localize(None)
    return orders.fillna({"amount": 0.0})


def refuse(orders: pd.DataFrame, as_of: date, horizon: int) -> None:
    """A date is judged only if its future is in the file, its past is long enough and there are enough customers."""
    first, last = orders["order_ts"].min(), orders["order_ts"].max()
    midnight, end = pd.Timestamp(as_of), pd.Timestamp(as_of) + pd.Timedelta(days=horizon)
    if last.normalize() + pd.Timedelta(days=1) < end:
        raise Refused(
            f"{as_of}: the horizon of {horizon} days ends on {end.date()}, past the last order on {last.date()}"
        )
    past = (midnight - first.normalize()).days
    if past < HISTORY * horizon:
        raise Refused(
            f"{as_of}: {past} days from the first order, less than {HISTORY} x {horizon} = {HISTORY * horizon}"
        )
    at = orders["order_ts"]
    count = orders.loc[
        (at < midnight) & (at >= midnight - pd.Timedelta(days=DUE_DAYS)), "customer_id"
    ].nunique()
    if count < FEWEST_DUE:
        raise Refused(f"{as_of}: {count} due customers, less than {FEWEST_DUE}")


def table(orders: pd.DataFrame, as_of: date, horizon: int) -> Table:
    """Everything in it comes from orders before the date."""
    before = orders[orders["order_ts"] < pd.Timestamp(as_of)]
    origins = training_dates(before["order_ts"].min().date(), as_of, horizon)
    parts = [labelled(before, origin, horizon) for origin in origins]
    return Table(as_of, pd.concat(parts, ignore_index=True), due(before, as_of))


def training_dates(first: date, as_of: date, horizon: int) -> list[date]:
    """Every four weeks, the labels of the latest known before the date, as far back as some history is before them."""
    latest = as_of - timedelta(days=7 * -(-horizon // 7))
    least = min(horizon, 60)
    count = ((latest - first).days - least) // STEP_DAYS + 1
    return [latest - timedelta(days=STEP_DAYS * number) for number in range(max(count, 1))]


def due(orders: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """A row per customer with an order in the 180 days before the date."""
    rows = features(orders, as_of)
    return rows[rows[f"orders_{DUE_DAYS}d"] > 0].assign(as_of=pd.Timestamp(as_of)).reset_index(drop=True)


def labelled(orders: pd.DataFrame, as_of: date, horizon: int) -> pd.DataFrame:
    rows = due(orders, as_of)
    return rows.assign(churned=churned(orders, rows["customer_id"], as_of, horizon))


def churned(orders: pd.DataFrame, customers: pd.Series[str], as_of: date, horizon: int) -> np.ndarray:
    """Whether a customer has no order within the horizon from the date on."""
    start = pd.Timestamp(as_of)
    inside = (orders["order_ts"] >= start) & (orders["order_ts"] < start + pd.Timedelta(days=horizon))
    return ~customers.isin(orders.loc[inside, "customer_id"].unique()).to_numpy()
