"""No prediction that a planner could not act on gets past its contract."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.cpg.predictions import DEMAND_PREDICTIONS
from contracts.dialects import pandera_schema

MONDAY = dt.date(2026, 11, 23)


def predictions(**columns: list[Any]) -> pa.Table:
    values: dict[str, list[Any]] = {
        "sku_code": ["A", "B"],
        "region_code": ["N", "N"],
        "forecast_week": [MONDAY, MONDAY],
        "predicted_units": [1.5, 0.0],
        "lower": [0.0, 0.0],
        "upper": [3.0, 0.0],
        "model_type": ["model", "zero"],
        **columns,
    }
    types = {"forecast_week": pa.date32()}
    return pa.table({name: pa.array(rows, types.get(name)) for name, rows in values.items()})


def breaches(rows: pa.Table) -> dict[str, int]:
    return pandera_schema.breaches(DEMAND_PREDICTIONS, rows)


def test_a_sound_forecast_has_no_breach() -> None:
    assert breaches(predictions()) == {}


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        (
            {"predicted_units": [math.nan, 0.0]},
            {"predicted_units:range": 1},
        ),
        ({"upper": [math.inf, math.inf]}, {"upper:range": 2}),
        ({"lower": [-0.5, 0.0]}, {"lower:range": 1}),
        (
            {"predicted_units": [None, 0.0]},
            {"predicted_units:missing": 1},
        ),
        ({"lower": [2.0, 0.0]}, {"lower:exceeds": 1}),
        ({"upper": [1.0, 0.0]}, {"predicted_units:exceeds": 1}),
        ({"sku_code": ["A", "A"]}, {"duplicates": 2}),
        ({"forecast_week": [MONDAY, MONDAY + dt.timedelta(days=1)]}, {"forecast_week:monday": 1}),
        ({"model_type": ["guess", "zero"]}, {"model_type:allowed": 1}),
        ({"region_code": ["N'; DROP", "N"]}, {"region_code:pattern": 1}),
    ],
)
def test_a_breach_is_named_with_its_rows(columns: dict[str, list[Any]], found: dict[str, int]) -> None:
    assert breaches(predictions(**columns)) == found


def test_a_missing_column_and_a_wrong_type_are_breaches() -> None:
    assert "column_not_in_dataframe" in breaches(predictions().drop_columns(["upper"]))
    assert breaches(predictions(predicted_units=["1.5", "0"]))["predicted_units:wrong_datatype"] == 1


@settings(deadline=None)
@given(st.floats(), st.floats(), st.floats())
def test_accepted_figures_are_finite_ordered_and_not_negative(low: float, mid: float, high: float) -> None:
    table = predictions(lower=[low, 0.0], predicted_units=[mid, 0.0], upper=[high, 0.0])
    sound = all(math.isfinite(v) for v in (low, mid, high)) and 0 <= low <= mid <= high
    assert (breaches(table) == {}) == sound
