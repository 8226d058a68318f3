"""Find the published files that may contain one of the slice's keys, so that a day's job does not read the whole table.

The bounds come from Iceberg's statistics of each file. They may be wider than the file's values, because Iceberg
truncates text, but never narrower, so a skipped file contains none of the keys. Values are compared in Iceberg's order:
text by its bytes in UTF-8, dates and integers by size.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from contracts.dialects.spark_literals import name
from contracts.dialects.spark_types import spark_type_of
from contracts.language.dataset import SOURCE_DATE, Dataset

Value = int | bytes
Bounds = Mapping[str, tuple[Value, Value]]
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Published:
    """A live file of the table. A column without bounds may contain any value."""

    path: str
    bounds: Bounds = field(default_factory=dict)


def files(published: Iterable[Published], wanted: Mapping[str, Collection[Value]]) -> list[Published]:
    """The files that may contain one of the wanted values in each column."""
    in_order = {column: sorted(values) for column, values in wanted.items()}
    return [
        file
        for file in published
        if all(_may_hold(file.bounds.get(column), values) for column, values in in_order.items())
    ]


def _may_hold(bounds: tuple[Value, Value] | None, values: Sequence[Any]) -> bool:
    if bounds is None:
        return bool(values)
    low, high = bounds
    at = bisect_left(values, low)
    return at < len(values) and values[at] <= high


def bounds_of(dataset: Dataset, given: Mapping[str, Any]) -> Bounds:
    """Parse the bounds of a manifest: text as it is, dates as 2025-01-31, integers. Raises ValueError."""
    read = {}
    for column, pair in given.items():
        kind = _type_of(dataset, column)
        if kind not in _COMPARED:
            raise ValueError(
                f"the bounds of {column} are of no use: it is no key of text, days or whole numbers"
            )
        if not isinstance(pair, list) or len(pair) != 2:
            raise ValueError(f"the bounds of {column} are {pair!r} and not a least and a greatest value")
        low, high = (_value(kind, column, text) for text in pair)
        if low > high:  # type: ignore[operator]  # both are of the column's type
            raise ValueError(f"the bounds of {column} are the wrong way round: {pair!r}")
        read[column] = (low, high)
    return read


def expressions(dataset: Dataset) -> dict[str, str]:
    """The key columns with comparable bounds, each as Spark SQL for the value to compare."""
    kinds = {column: _type_of(dataset, column) for column in dataset.key}
    return {
        column: _COMPARED[kind][0].format(name(column)) for column, kind in kinds.items() if kind in _COMPARED
    }


def day(of: date) -> int:
    return of.toordinal() - _EPOCH


def _type_of(dataset: Dataset, column: str) -> str:
    if column == SOURCE_DATE:
        return "date"
    if column not in dataset.key:
        return ""
    return "string" if column in dataset.provided else spark_type_of(dataset.column(column).kind)


def _value(kind: str, column: str, given: Any) -> Value:
    try:
        return _COMPARED[kind][1](given)
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{given!r} is no bound of {column}, a {kind}") from error


def _whole(given: Any) -> int:
    if type(given) is not int:
        raise TypeError(given)
    return given


_COMPARED: dict[str, tuple[str, Callable[[Any], Value]]] = {
    "string": ("CAST({} AS binary)", lambda given: str.encode(given)),
    "date": ("unix_date({})", lambda given: day(date.fromisoformat(given))),
    "bigint": ("{}", _whole),
}
"""By Spark type: SQL for a value of the slice, and how a bound in a manifest becomes the same."""
