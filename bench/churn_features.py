"""The order-derived columns of contracts/shop/ml_features.py from an order history, without Spark.

Defined as in jobs/glue/shop/ml_features.py for a shop in which every order counts and has one currency.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

WINDOWS = (30, 90, 180, 365)
_DAY = np.timedelta64(1, "D").astype("timedelta64[us]").astype(np.int64)


def in_order(orders: pd.DataFrame) -> pd.DataFrame:
    """By customer, then time: sums of numbers with a point depend on the order of the rows."""
    return orders.sort_values(["customer_id", "order_ts", "order_id", "amount"], kind="stable").reset_index(
        drop=True
    )


def features(orders: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """A row per customer with an order before 00:00 of the day, by customer_id. Nothing on or after it is looked at."""
    midnight = np.datetime64(as_of, "us")
    before = in_order(orders[orders["order_ts"].to_numpy() < midnight])
    at = before["order_ts"].to_numpy().astype("datetime64[us]").astype(np.int64)
    names, customer = np.unique(before["customer_id"].to_numpy(dtype=str), return_inverse=True)
    amounts = before["amount"].to_numpy(float)
    count = np.bincount(customer, minlength=len(names))
    last_row = np.cumsum(count) - 1
    first, last = at[last_row - count + 1], at[last_row]
    today = midnight.astype(np.int64)
    recency = today // _DAY - last // _DAY
    mean_gap, std_gap = _gaps(at, customer, count, first, last)
    found: dict[str, np.ndarray] = {
        "customer_id": names.astype(object),
        "orders": count,
        "recency_days": recency,
        "days_since_first_order": today // _DAY - first // _DAY,
    }
    for days in WINDOWS:
        found[f"orders_{days}d"] = np.bincount(customer[at >= today - days * _DAY], minlength=len(names))
    found["amount"] = np.bincount(customer, amounts, len(names))
    for days in WINDOWS:
        recent = at >= today - days * _DAY
        found[f"amount_{days}d"] = np.bincount(customer[recent], amounts[recent], len(names))
    found["avg_order_value"] = np.floor(found["amount"] / np.maximum(count, 1) * 100 + 0.5) / 100
    found["mean_gap_days"], found["std_gap_days"] = mean_gap, std_gap
    found["gap_ratio"] = np.divide(
        recency, mean_gap, out=np.full(len(names), np.nan), where=np.nan_to_num(mean_gap) > 0
    )
    return pd.DataFrame(found)


def _gaps(
    at: np.ndarray, customer: np.ndarray, count: np.ndarray, first: np.ndarray, last: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and sample standard deviation of the days between an order and the next."""
    missing = np.full(len(count), np.nan)
    mean = np.divide((last - first) / _DAY, count - 1, out=missing.copy(), where=count > 1)
    same = customer[1:] == customer[:-1]
    of_gap = customer[1:][same]
    squares = ((np.diff(at)[same] / _DAY) - mean[of_gap]) ** 2
    variance = np.divide(
        np.bincount(of_gap, squares, len(count)), count - 2, out=missing.copy(), where=count > 2
    )
    return mean, np.sqrt(variance)
