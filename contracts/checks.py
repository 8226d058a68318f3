"""The checks of ours that pandera does not bring. Each has its Spark twin in contracts.spark_sql."""

from __future__ import annotations

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
