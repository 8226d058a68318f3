"""The dataset's columns as the methods see them: raw numbers for trees, logarithms and hinges for straight lines."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

WINDOWS = (30, 90, 180, 365)
FEATURES: dict[str, bool] = {
    "tenure_days": True,
    "is_active": True,
    "data_quality_score": True,
    "orders": False,
    "recency_days": False,
    "days_since_first_order": False,
    **{f"orders_{days}d": False for days in WINDOWS},
    "amount": False,
    **{f"amount_{days}d": False for days in WINDOWS},
    "avg_order_value": False,
    "categories": False,
    "top_category_share": True,
    "cancelled_rate": True,
    "returned_rate": True,
    "mean_gap_days": True,
    "std_gap_days": True,
    "gap_ratio": True,
}
"""The columns of ML_FEATURES that are numbers, and whether a customer who is due may have none in it."""
NEEDED = (
    "orders",
    "recency_days",
    "days_since_first_order",
    *(f"orders_{days}d" for days in WINDOWS),
    "amount",
    *(f"amount_{days}d" for days in WINDOWS),
    "avg_order_value",
    "mean_gap_days",
    "std_gap_days",
    "gap_ratio",
)
"""What an order history alone tells. The others may be missing as columns."""
FOLDS = 3
_SHORTEST_GAP = 1.0
"""Days. Parts of one purchase are minutes apart or share a moment: how often somebody buys, they do not tell."""


@dataclass(frozen=True)
class View:
    """Columns of numbers, and for each the feature that it comes from."""

    names: tuple[str, ...]
    of: tuple[str, ...]
    values: np.ndarray

    def beside(self, other: View) -> View:
        return View(self.names + other.names, self.of + other.of, np.hstack([self.values, other.values]))


def read_rows(folder: Path) -> pd.DataFrame:
    """The Parquet files of a folder as one table in a fixed order, whatever wrote them."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix == ".parquet")
    if not files:
        raise FileNotFoundError(f"{folder} holds no Parquet file of churn features")
    return in_order(pd.concat([pd.read_parquet(path) for path in files], ignore_index=True))


def in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """By date and customer, because sampling in training depends on the order of the rows."""
    if absent := [name for name in (*NEEDED, "customer_id", "as_of") if name not in rows]:
        raise ValueError(f"churn features without {', '.join(absent)}: is the dataset of this version?")
    day = pd.to_datetime(rows["as_of"])
    return rows.assign(as_of=day).sort_values(["as_of", "customer_id"], kind="stable").reset_index(drop=True)


def folds(customers: pd.Series[str]) -> np.ndarray:
    """The fold of each row's customer: all rows of one are in the same."""
    return np.array([zlib.crc32(str(name).encode()) % FOLDS for name in customers])


def numbers(rows: pd.DataFrame, name: str) -> np.ndarray:
    return np.asarray(rows[name].to_numpy(dtype=float, na_value=np.nan))


def present(rows: pd.DataFrame) -> list[str]:
    """The features that the table has with at least two different values."""
    return [name for name in FEATURES if name in rows and len(np.unique(numbers(rows, name))) > 1]


def raw(rows: pd.DataFrame, names: list[str]) -> View:
    return View(tuple(names), tuple(names), np.column_stack([numbers(rows, name) for name in names]))


def by_days(rows: pd.DataFrame, names: list[str]) -> View:
    """The raw numbers, but gap_ratio as `ratio` has it."""
    values = [ratio(rows) if name == "gap_ratio" else numbers(rows, name) for name in names]
    return View(tuple(names), tuple(names), np.column_stack(values))


def ratio(rows: pd.DataFrame) -> np.ndarray:
    """gap_ratio, but of gaps of at least a day. NaN only where there is no gap, because there is one order."""
    gap = numbers(rows, "mean_gap_days")
    return np.asarray(numbers(rows, "recency_days") / np.maximum(gap, _SHORTEST_GAP))


def classic(rows: pd.DataFrame) -> View:
    """Logarithms of recency, frequency, value, tenure and recency over mean gap, with a flag where there is no gap."""
    over_gap = ratio(rows)
    known = ~np.isnan(over_gap)
    return _view(
        ("recency", "recency_days", _log(rows, "recency_days")),
        ("frequency", "orders", np.log(np.maximum(numbers(rows, "orders"), 1))),
        ("value", "avg_order_value", _log(rows, "avg_order_value")),
        ("tenure", "days_since_first_order", _log(rows, "days_since_first_order")),
        ("ratio", "gap_ratio", np.log1p(np.where(known, over_gap, 0))),
        ("no_gap", "mean_gap_days", ~known),
    )


def bent(rows: pd.DataFrame, straight: View) -> View:
    """Beside the classic ones: recent counts, how regular gaps are, and bends. All go on straight beyond what was seen."""
    recency, frequency, _, _, over_gap, _ = straight.values.T
    orders, mean, spread = (numbers(rows, name) for name in ("orders", "mean_gap_days", "std_gap_days"))
    varying = np.nan_to_num(np.log1p(spread / np.maximum(mean, _SHORTEST_GAP)))
    return _view(
        *((f"orders_{days}d", f"orders_{days}d", _log(rows, f"orders_{days}d")) for days in (30, 90, 180)),
        *((f"orders_are_{few}", "orders", orders == few) for few in (1, 2, 3)),
        ("varying", "std_gap_days", varying),
        ("varying_unknown", "std_gap_days", np.isnan(spread)),
        ("ratio_varying", "gap_ratio", varying * over_gap),
        *((f"recency_{at}", "recency_days", np.maximum(recency - np.log(at), 0)) for at in (7, 14, 30, 60)),
        *((f"ratio_{at}", "gap_ratio", np.maximum(over_gap - np.log1p(at), 0)) for at in (0.5, 1, 2, 4)),
        *((f"frequency_{at}", "orders", np.maximum(frequency - np.log(at), 0)) for at in (3, 10, 30)),
    )


def _log(rows: pd.DataFrame, name: str) -> np.ndarray:
    return np.asarray(np.log1p(np.maximum(np.nan_to_num(numbers(rows, name)), 0)))


def _view(*columns: tuple[str, str, np.ndarray]) -> View:
    names, of, values = zip(*columns, strict=True)
    return View(names, of, np.column_stack([np.asarray(column, float) for column in values]))
