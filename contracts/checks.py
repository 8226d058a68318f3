"""The checks of ours that pandera does not bring. Each has its Spark twin in contracts.spark_sql."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pandas as pd
from pandera import extensions

MONDAY = 0


@extensions.register_check_method(supported_types=pd.Series, statistics=[])  # type: ignore[untyped-decorator]
def monday(days: pd.Series) -> pd.Series:
    """A promotion week is named by the Monday it starts on."""
    return days.map(lambda day: day.weekday() == MONDAY).astype(bool)


@extensions.register_check_method(supported_types=pd.DataFrame, statistics=["column", "limit"])  # type: ignore[untyped-decorator]
def not_after(frame: pd.DataFrame, *, column: str, limit: str) -> pd.Series:
    """A date is judged against its file's raw date, not against today: a backfill then judges as the day did."""
    return ~(frame[column] > frame[limit]).fillna(False).astype(bool)


@extensions.register_check_method(supported_types=pd.DataFrame, statistics=["column", "limit", "days"])  # type: ignore[untyped-decorator]
def not_days_after(frame: pd.DataFrame, *, column: str, limit: str, days: int) -> pd.Series:
    """An instant no later than the end of so many days after the limit's: a clock's error is no claim on the future."""

    def is_early_enough(moment: Any, last: Any) -> bool:
        return bool(pd.isna(moment) or moment.date() <= last + dt.timedelta(days=days))

    return _held_against(frame, column, limit, is_early_enough)


@extensions.register_check_method(supported_types=pd.DataFrame, statistics=["column", "limit", "years"])  # type: ignore[untyped-decorator]
def not_years_before(frame: pd.DataFrame, *, column: str, limit: str, years: int) -> pd.Series:
    """A date at most so many years before its file's raw date: what is older is a typing error."""

    def is_recent_enough(day: Any, last: Any) -> bool:
        return bool(pd.isna(day) or day >= years_before(last, years))

    return _held_against(frame, column, limit, is_recent_enough)


def years_before(day: dt.date, years: int) -> dt.date:
    """The 29th of February is the 28th where there is none, as for Spark's add_months."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


def _held_against(
    frame: pd.DataFrame, column: str, limit: str, keeps: Callable[[Any, Any], bool]
) -> pd.Series:
    pairs = zip(frame[column].tolist(), frame[limit].tolist(), strict=True)
    return pd.Series([keeps(*pair) for pair in pairs], index=frame.index, dtype=bool)
