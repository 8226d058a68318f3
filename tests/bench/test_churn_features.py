"""The features of an order history against the definitions, worked out customer by customer."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from bench.churn_features import WINDOWS, features

AS_OF = date(2025, 3, 1)


def history(seed: int = 1, customers: int = 40) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    rows = [
        (f"C{one % customers}", f"O{one}", datetime(2024, 1, 1) + timedelta(minutes=int(minute)), round(float(amount), 2))
        for one, (minute, amount) in enumerate(
            zip(draw.integers(0, 500 * 1440, 400), draw.lognormal(3, 1, 400) * (draw.random(400) > 0.1), strict=True)
        )
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["customer_id", "order_id", "order_ts", "amount"])


def test_every_column_is_as_defined() -> None:
    orders = history()
    found = features(orders, AS_OF).set_index("customer_id")
    midnight = datetime(2025, 3, 1)
    before = orders[orders["order_ts"] < midnight]
    assert set(found.index) == set(before["customer_id"])
    for customer, of in before.groupby("customer_id"):
        at, row = sorted(of["order_ts"]), found.loc[str(customer)]
        gaps = [(after - this) / timedelta(days=1) for this, after in pairwise(at)]
        assert row["orders"] == len(at)
        assert row["recency_days"] == (AS_OF - at[-1].date()).days
        assert row["days_since_first_order"] == (AS_OF - at[0].date()).days
        for days in WINDOWS:
            recent = of[of["order_ts"] >= midnight - timedelta(days=days)]
            assert row[f"orders_{days}d"] == len(recent)
            assert row[f"amount_{days}d"] == pytest.approx(recent["amount"].sum())
        assert row["amount"] == pytest.approx(of["amount"].sum())
        assert row["avg_order_value"] == pytest.approx(of["amount"].sum() / len(at), abs=0.0051)
        assert row["mean_gap_days"] == pytest.approx(np.mean(gaps))
        assert row["std_gap_days"] == pytest.approx(np.std(gaps, ddof=1))
        assert row["gap_ratio"] == pytest.approx(row["recency_days"] / np.mean(gaps))


def test_gaps_that_are_not_there_are_missing() -> None:
    at = [
        datetime(2025, 2, 1),
        datetime(2025, 2, 1),
        datetime(2025, 2, 3),
        datetime(2025, 2, 5),
        datetime(2025, 3, 1),
    ]
    orders = pd.DataFrame(
        {"customer_id": ["same", "same", "once", "two", "two"], "order_id": list("abcde"), "order_ts": at, "amount": 0.0}
    )  # fmt: skip
    found = features(orders, AS_OF).set_index("customer_id")
    assert found["mean_gap_days"].isna().tolist() == [True, False, True]
    assert found.loc["same", "mean_gap_days"] == 0
    assert found["std_gap_days"].isna().all()
    assert found["gap_ratio"].isna().all()
    assert found.loc["two", ["orders", "recency_days", "amount"]].tolist() == [1, 24, 0]


def test_neither_the_future_nor_the_order_of_rows_changes_anything() -> None:
    orders = history()
    ahead = orders["order_ts"] >= datetime(2025, 3, 1)
    changed = orders.assign(amount=np.where(ahead, 1e6, orders["amount"])).sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(features(changed, AS_OF), features(orders, AS_OF))
