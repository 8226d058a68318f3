"""The feature table as matrices of series by week, from which any origin and any target can be paired."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq

from jobs.demand_columns import KEY, KIND, MODEL, PLAN, STATE

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Columns = dict[str, npt.NDArray[np.generic]]

_FLAGS = ("is_stockout", "contradicts")
_WEEK = np.timedelta64(7, "D")


class FeaturesError(ValueError):
    """The feature table cannot be worked on; the message says why."""


def read_features(folder: Path) -> pd.DataFrame:
    files = sorted(folder.rglob("*.parquet"))
    if not files:
        raise FeaturesError(f"no Parquet file in {folder}")
    frames: list[pd.DataFrame] = [pq.ParquetFile(file).read().to_pandas() for file in files]
    return pd.concat(frames, ignore_index=True)


@dataclass(frozen=True)
class Panel:
    """`units` is NaN where a week is not known or a series has not begun; `weeks` are consecutive Mondays."""

    series: pd.DataFrame
    weeks: npt.NDArray[np.datetime64]
    units: Floats
    values: dict[str, Floats]
    kinds: npt.NDArray[np.object_]
    model_type: npt.NDArray[np.object_]

    def index(self, week: np.datetime64) -> int:
        return int((week - self.weeks[0]) / _WEEK)

    def gathered(self, series: Integers, origin: Integers, target: Integers) -> Columns:
        """The columns of a design: state as of the origin, plan of the target."""
        return {
            **{name: self.values[name][series, origin] for name in STATE},
            **{name: self.values[name][series, target] for name in PLAN},
            KIND: self.kinds[series, target],
            "step": (target - origin + 1).astype(np.float64),
        }


def panel(features: pd.DataFrame) -> Panel:
    """Of the history alone: what the horizon's rows say is for the forecast, not for the fit."""
    history = features[~features["is_future"].astype(bool)]
    if history.empty:
        raise FeaturesError("the feature table has no week of history")
    week = pd.to_datetime(history["week"]).to_numpy().astype("datetime64[D]")
    first, last = week.min(), week.max()
    weeks = np.arange(first, last + _WEEK, _WEEK)
    series = history[["sku_code", "region_code", "category"]].drop_duplicates(["sku_code", "region_code"])
    series = series.sort_values(["sku_code", "region_code"]).reset_index(drop=True)
    keys = pd.MultiIndex.from_frame(series[["sku_code", "region_code"]])
    row = keys.get_indexer(pd.MultiIndex.from_frame(history[["sku_code", "region_code"]]))
    column = ((week - first) / _WEEK).astype(np.int64)
    if len(set(zip(row.tolist(), column.tolist(), strict=True))) != len(history):
        raise FeaturesError(f"the feature table has several rows of one {', '.join(KEY)}")
    shape = (len(series), len(weeks))

    def matrix(name: str) -> Floats:
        found = np.full(shape, np.nan)
        found[row, column] = history[name].astype("float64").to_numpy()
        return found

    def texts(name: str, missing: str | None) -> npt.NDArray[np.object_]:
        found = np.full(shape, missing, dtype=object)
        found[row, column] = history[name].to_numpy(dtype=object)
        return found

    return Panel(
        series=series,
        weeks=weeks,
        units=matrix("units"),
        values={name: matrix(name) for name in (*STATE, *PLAN, *_FLAGS)},
        kinds=texts(KIND, None),
        model_type=texts("model_type", MODEL),
    )


def columns_of(rows: pd.DataFrame) -> Columns:
    """The same columns of rows that hold them already: the horizon's."""
    numbers = {name: rows[name].astype("float64").to_numpy() for name in (*STATE, *PLAN, "step")}
    return {**numbers, KIND: rows[KIND].to_numpy(dtype=object)}
