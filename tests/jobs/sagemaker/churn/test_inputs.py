"""What the methods see of customers whose orders are minutes apart: little more than of those who ordered a day apart."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from bench.churn_table import due
from jobs.sagemaker.churn import inputs

FIRST = datetime(2025, 1, 1, 9)
GAPS = {
    "B moment": timedelta(0),
    "C minutes": timedelta(minutes=4),
    "D hours": timedelta(hours=6),
    "E a day": timedelta(days=1),
}


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """One customer who ordered once, then one for each gap, who ordered twice."""
    orders = [("A once", FIRST)] + [(name, FIRST + gap * two) for name, gap in GAPS.items() for two in (0, 1)]
    names, at = zip(*orders, strict=True)
    frame = {"customer_id": names, "order_id": range(len(names)), "order_ts": at, "amount": 5.0}
    return due(pd.DataFrame(frame), (FIRST + timedelta(days=60)).date())


def column(view: inputs.View, name: str) -> list[float]:
    return view.values[:, view.names.index(name)].tolist()


def test_only_who_ordered_once_has_no_gap(rows: pd.DataFrame) -> None:
    assert column(inputs.classic(rows), "no_gap") == [1, 0, 0, 0, 0]


def test_a_gap_below_a_day_counts_as_a_day(rows: pd.DataFrame) -> None:
    recency = rows["recency_days"].tolist()
    assert recency == [60, 60, 60, 60, 59]
    expected = [0, *np.log1p(recency[1:])]
    assert column(inputs.classic(rows), "ratio") == pytest.approx(expected)
    assert column(inputs.by_days(rows, ["gap_ratio"]), "gap_ratio")[1:] == recency[1:]
    assert np.isnan(column(inputs.by_days(rows, ["gap_ratio"]), "gap_ratio")[0])
    given = column(inputs.raw(rows, ["gap_ratio"]), "gap_ratio")
    assert np.isnan(given[:2]).all()
    assert given[2] > 5_000


def test_gaps_of_a_day_and_more_are_as_they_were() -> None:
    at = [FIRST, FIRST + timedelta(days=3), FIRST + timedelta(days=5)]
    orders = pd.DataFrame({"customer_id": "A", "order_id": range(3), "order_ts": at, "amount": 5.0})
    rows = due(orders, (FIRST + timedelta(days=60)).date())
    assert (
        column(inputs.by_days(rows, ["gap_ratio"]), "gap_ratio") == rows["gap_ratio"].tolist() == [55 / 2.5]
    )


def test_how_irregular_gaps_of_minutes_are_is_told_in_days() -> None:
    at = [FIRST, FIRST + timedelta(minutes=1), FIRST + timedelta(minutes=30)]
    orders = pd.DataFrame({"customer_id": "A", "order_id": range(3), "order_ts": at, "amount": 5.0})
    rows = due(orders, (FIRST + timedelta(days=60)).date())
    assert column(inputs.bent(rows, inputs.classic(rows)), "varying")[0] < 0.02
