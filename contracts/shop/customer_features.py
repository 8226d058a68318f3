"""The features of customers in the feature store: the columns of gold.ml_features, and how a row of it is a record.

A record has text for each value. A null is left out. Decimals and numbers are Fractional, booleans 0 or 1, dates ISO-8601.
`is_deleted` is not a feature: AWS gives each row of the offline store a column of that name, and a deleted customer has no
record.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal

from contracts.language.kinds import exact_size
from contracts.shop.ml_features import ML_FEATURES

FeatureType = Literal["Integral", "Fractional", "String"]

IDENTIFIER: Final = "customer_id"
EVENT_TIME: Final = "event_time"
DELETED: Final = "is_deleted"
_TYPES: Mapping[str, FeatureType] = {
    "integer": "Integral",
    "boolean": "Integral",
    "number": "Fractional",
    "text": "String",
    "date": "String",
}


def _type(kind: str) -> FeatureType:
    return "Fractional" if exact_size(kind) else _TYPES[kind]


COLUMNS: Final = tuple(column.name for column in ML_FEATURES.columns if column.name != DELETED)
"""The columns of gold.ml_features that are features, in their order."""

FEATURES: Final[Mapping[str, FeatureType]] = {
    **{column.name: _type(column.kind) for column in ML_FEATURES.columns if column.name != DELETED},
    EVENT_TIME: "String",
}
"""Each feature's type, in the order of the group's definitions."""


def event_time(as_of: date) -> str:
    """The event of a day's analysis: 00:00 UTC, as only what came before is in the row."""
    return f"{as_of.isoformat()}T00:00:00Z"


def deletion_time(as_of: date) -> str:
    """The event of a deletion that this day's analysis found: later than the day's own record."""
    at = datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC) + timedelta(seconds=1)
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def record(row: Mapping[str, Any], as_of: date) -> dict[str, str]:
    """A row of gold.ml_features as a record. Raises ValueError, which names the column, for what cannot be one."""
    values = {name: _text(name, row[name]) for name in COLUMNS if row[name] is not None}
    if not values.get(IDENTIFIER):
        raise ValueError(f"{IDENTIFIER} is empty")
    return {**values, EVENT_TIME: event_time(as_of)}


def _text(name: str, value: bool | int | float | Decimal | date | str) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, (float, Decimal)) and not math.isfinite(value):
        raise ValueError(f"{name} is {value}, not a finite number")
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, date) else str(value)
