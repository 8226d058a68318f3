"""Why a customer has its probability, in plain words: the three subjects that move it most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from jobs.sagemaker.churn.alive import NAME

COUNT = 3
SUBJECTS = {
    "recency": ("recency_days", "gap_ratio", NAME),
    "frequency": ("orders", "orders_365d"),
    "recent orders": ("orders_30d", "orders_90d", "orders_180d"),
    "rhythm": ("mean_gap_days", "std_gap_days"),
    "tenure": ("tenure_days", "days_since_first_order"),
    "amount": ("amount", "avg_order_value", "amount_30d", "amount_90d", "amount_180d", "amount_365d"),
    "assortment": ("categories", "top_category_share"),
    "trouble": ("cancelled_rate", "returned_rate"),
    "profile": ("is_active", "data_quality_score"),
}


def reasons(rows: pd.DataFrame, contributions: pd.DataFrame) -> list[list[str]]:
    """Three sentences per row, the weightiest first, each with whether it raises or lowers the risk."""
    names = list(SUBJECTS)
    added = {str(name): values.to_numpy() for name, values in contributions.items()}
    nothing = np.zeros(len(rows))
    by_subject = np.column_stack(
        [sum((added[one] for one in SUBJECTS[name] if one in added), nothing) for name in names]
    )
    order = np.argsort(-np.abs(by_subject), axis=1, kind="stable")[:, :COUNT]
    columns = [one for ones in SUBJECTS.values() for one in ones if one in rows]
    table = [rows[name].tolist() for name in columns]
    values = [dict(zip(columns, of_row, strict=True)) for of_row in zip(*table, strict=True)]
    return [
        [
            f"{'raises' if by_subject[row, subject] > 0 else 'lowers'} the risk: {_told(names[subject], of)}"
            for subject in order[row]
        ]
        for row, of in enumerate(values)
    ]


def _told(subject: str, of: Mapping[Any, Any]) -> str:
    gap = of.get("mean_gap_days")
    if subject == "recency":
        usual = f", usually every {_days(gap)}" if _known(gap) else ", the only order so far"
        return f"last order {_days(of['recency_days'])} ago{usual}"
    if subject == "frequency":
        return f"{_count(of['orders'], 'order')} so far"
    if subject == "recent orders":
        return f"{_count(of['orders_90d'], 'order')} in the last 90 days, {_number(of['orders_30d'])} in the last 30"
    if subject == "rhythm":
        spread = of.get("std_gap_days")
        if not _known(gap):
            return "one order so far, no rhythm to go by"
        return f"orders every {_days(gap)}" + (f", give or take {_number(spread)}" if _known(spread) else "")
    if subject == "tenure":
        return f"first order {_days(of['days_since_first_order'])} ago"
    if subject == "amount":
        return f"{_number(of['avg_order_value'])} an order, {_number(of['amount_90d'])} in the last 90 days"
    if subject == "assortment":
        return f"buys from {_count(of.get('categories'), 'category', 'categories')}"
    if subject == "trouble":
        rates = (_percent(of.get(name)) for name in ("cancelled_rate", "returned_rate"))
        return "{} of the orders cancelled, {} returned".format(*rates)
    return "what is known of the customer's profile"


def _known(value: Any) -> bool:
    """Null or NaN, which is no number equal to itself, is not."""
    return value is not None and bool(value == value)


def _number(value: Any) -> str:
    if not _known(value):
        return "unknown"
    return f"{value:.1f}" if 0 < abs(value) < 10 and round(value) != value else f"{value:.0f}"


def _count(value: Any, one: str, many: str = "") -> str:
    return f"{_number(value)} {one if value == 1 else many or one + 's'}"


def _days(value: Any) -> str:
    return _count(value, "day")


def _percent(value: Any) -> str:
    return f"{value:.0%}" if _known(value) else "an unknown share"
