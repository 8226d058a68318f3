"""The profile of rows: of each column the nulls, distinct values, least and greatest value, and quantiles of numbers."""

from __future__ import annotations

from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from contracts.dialects.spark_literals import name
from contracts.language.dataset import Column, Dataset
from contracts.language.kinds import exact_size
from contracts.language.nested import is_nested

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_NUMBERS = frozenset({"integer", "number", "decimal"})
_ACCURACY = 1000
"""Quantiles are exact to a thousandth of the rows, distinct values to about a twentieth of their number."""


def profile(rows: DataFrame, dataset: Dataset) -> list[dict[str, Any]]:
    """A line for each column, found in one pass. Personal columns have counts only."""
    measures = [measure for column in dataset.columns for measure in _measures(column)]
    told = rows.agg(F.count(F.lit(1)).alias("rows"), *measures).first()
    assert told is not None
    return [_line(dataset, column, told) for column in dataset.columns]


def _measures(column: Column) -> list[Any]:
    at = F.col(name(column.name))
    found = [
        F.count(at).alias(f"{column.name} count"),
        F.approx_count_distinct(at).alias(f"{column.name} distinct"),
    ]
    if _is_shown(column):
        found += [
            F.min(at).cast("string").alias(f"{column.name} min"),
            F.max(at).cast("string").alias(f"{column.name} max"),
        ]
    if _is_number(column) and _is_shown(column):
        quantiles = F.percentile_approx(at.cast("double"), list(QUANTILES), _ACCURACY)
        found.append(quantiles.alias(f"{column.name} quantiles"))
    return found


def _line(dataset: Dataset, column: Column, told: Any) -> dict[str, Any]:
    given = told.asDict()
    rows, quantiles = given["rows"], given.get(f"{column.name} quantiles")
    return {
        "table": dataset.name,
        "column": column.name,
        "rows": rows,
        "nulls": rows - given[f"{column.name} count"],
        "distinct": given[f"{column.name} distinct"],
        "min": given.get(f"{column.name} min"),
        "max": given.get(f"{column.name} max"),
        **{f"p{int(q * 100):02}": quantiles[at] if quantiles else None for at, q in enumerate(QUANTILES)},
    }


def _is_shown(column: Column) -> bool:
    return not column.personal and not is_nested(column.kind)


def _is_number(column: Column) -> bool:
    return column.kind in _NUMBERS or exact_size(column.kind) is not None
