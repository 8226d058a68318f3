"""From an order history to the rows that the methods are trained on and judged by, for one date at a time."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pandas.api.types import is_datetime64_any_dtype, is_float_dtype, is_numeric_dtype

from bench.churn_features import features

DUE_DAYS = 180
STEP_DAYS = 28
FEWEST_DUE = 500
HISTORY = 3
"""Horizons between the first order and the date."""
COLUMNS = {"customer_id": "text", "order_id": "text", "order_ts": "timestamp", "amount": "double"}

_WHOLE = {kind: pd.Int64Dtype() for kind in (pa.int8(), pa.int16(), pa.int32(), pa.int64())}
_WHOLE |= {kind: pd.UInt64Dtype() for kind in (pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())}


class Refused(ValueError):
    """Orders that cannot be read or a date that cannot be judged, with the column or figure that says why."""


@dataclass(frozen=True)
class Table:
    as_of: date
    training: pd.DataFrame
    scored: pd.DataFrame
    """All due customers of the date, without labels."""


def load_orders(source: Path) -> pd.DataFrame:
    """The columns of a Parquet file, or of all those in a folder. Whole numbers stay whole where one is missing."""
    files = (
        [source] if source.is_file() else sorted(path for path in source.rglob("*.parquet") if path.is_file())
    )
    if not files:
        raise Refused(f"{source}: no Parquet file in it")
    return pd.concat([_loaded(path) for path in files], ignore_index=True)


def _loaded(path: Path) -> pd.DataFrame:
    try:
        with pq.ParquetFile(path) as file:
            _refuse_absent(file.schema_arrow.names, f"{path.name}: ")
            found = file.read(columns=list(COLUMNS))
    except (pa.ArrowException, OSError) as error:
        raise Refused(f"{path.name}: {error}") from error
    rows: pd.DataFrame = found.to_pandas(types_mapper=_WHOLE.get)
    return rows


def read_orders(orders: pd.DataFrame) -> pd.DataFrame:
    """The four columns as they are needed. Moments stay as given, whatever their zone; a missing amount counts as 0.

    Orders without a customer or a moment say nothing and are left out.
    """
    _refuse_absent([str(name) for name in orders], "")
    orders = orders[list(COLUMNS)].reset_index(drop=True)
    known = orders["customer_id"].notna() & orders["order_ts"].notna()
    if not known.all():
        nobody, never = int(orders["customer_id"].isna().sum()), int(orders["order_ts"].isna().sum())
        told = f"left out of {len(orders)} orders: {nobody} without a customer, {never} without a moment"
        print(told, file=sys.stderr, flush=True)
    if not known.any():
        raise Refused("0 orders with a customer and a time")
    orders = orders[known]
    return orders.assign(
        customer_id=_names(orders["customer_id"]),
        order_id=_names(orders["order_id"]),
        order_ts=_moments(orders["order_ts"]),
        amount=_amounts(orders["amount"]),
    ).reset_index(drop=True)


def _refuse_absent(names: list[str], where: str) -> None:
    if absent := [name for name in COLUMNS if name not in names]:
        raise Refused(f"{where}no column {', '.join(absent)}; needed are {', '.join(COLUMNS)}")


def _names(values: pd.Series[Any]) -> pd.Series[Any]:
    """As text. A column of whole numbers with a missing value is read as floats: they are written without the point."""
    if is_float_dtype(values.dtype) and bool((values.dropna() % 1 == 0).all()):
        values = values.astype("Int64")
    return values.astype(str)


def _moments(values: pd.Series[Any]) -> pd.Series[Any]:
    if is_numeric_dtype(values.dtype):
        raise Refused(f"order_ts: {values.dtype} is no kind of moment; needed is a timestamp")
    try:
        found = (
            pd.to_datetime(values, errors="coerce")
            if is_datetime64_any_dtype(values.dtype)
            else _parsed(values)
        )
    except (TypeError, ValueError) as error:
        raise Refused(f"order_ts: {error}") from error
    _refuse_unread("order_ts", "moment", values, found.isna())
    return found.dt.tz_localize(None) if found.dt.tz is not None else found


def _parsed(values: pd.Series[Any]) -> pd.Series[Any]:
    """Text in ISO 8601, or days."""
    return pd.to_datetime(values.astype(str), format="ISO8601", errors="coerce")


def _amounts(values: pd.Series[Any]) -> pd.Series[Any]:
    found = pd.to_numeric(values, errors="coerce").astype(float)
    _refuse_unread("amount", "number", values, (found.isna() & values.notna()) | np.isinf(found))
    return found.fillna(0.0)


def _refuse_unread(column: str, kind: str, values: pd.Series[Any], wrong: pd.Series[Any]) -> None:
    if wrong.any():
        row = wrong.index[int(wrong.to_numpy().argmax())]
        value = values[row]
        told = repr(value) if isinstance(value, str) else str(value)
        raise Refused(
            f"{column}: {told} in row {row} is no {kind} (of {int(wrong.sum())} such rows the first)"
        )


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
    """Every four weeks, the labels of the latest known before the date, as far back as some history is before them.

    They are whole weeks before the date, unless that leaves the latest without history.
    """
    least = min(horizon, 60)
    latest = as_of - timedelta(days=7 * -(-horizon // 7))
    if (latest - first).days < least:
        latest = as_of - timedelta(days=horizon)
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
