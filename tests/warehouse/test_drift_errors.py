"""The errors of closed weeks against the usual ones, on real rows: over all versions, lead time by lead time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import pytest

from tasks.forecast.model_drift import Limits, compare_errors
from tasks.models.model_registry import ModelVersion
from tasks.runs.monitoring import DriftRecord
from tasks.services.snowflake import execute
from tests.warehouse.standin import Warehouse
from warehouse.marts.forecast import MARTS

MONDAY = date(2026, 11, 23)
WEDNESDAY = MONDAY + timedelta(days=2)
IN_USE = ModelVersion("arn", 11, "Approved", {}, "s3://a/m.tar.gz", "image", "s3://a/e.json")
VERSIONS = ("v11", "v10", "v9", "v8")
USUAL = {1: 0.1, 2: 0.2, 3: 0.4}
Row = tuple[str, int, int, float, int | None]


def week(number: int) -> date:
    return MONDAY + timedelta(weeks=number)


def published(warehouse: Warehouse, rows: Iterable[Row]) -> None:
    """Version, week made in, week forecast, predicted and actual units; then the mart, as the daily run makes it."""
    for version, made, forecast, predicted, actual in rows:
        warehouse.rows(
            "INSERT INTO ML_OUTPUTS.DEMAND_FORECAST_PREDICTIONS (sku_code, region_code, forecast_week, predicted_units,"
            " lower, upper, actual_units, load_date, model_version, model_type, as_of, run_id) VALUES ('S1', 'R1',"
            f" '{week(forecast)}', {predicted}, 0, 999, {'NULL' if actual is None else actual}, '{week(made)}',"
            f" '{version}', 'model', '{week(made)}', 'r')"
        )
    for mart in MARTS:
        execute(warehouse.connection, mart.overwrite())


def compared(warehouse: Warehouse, as_of: date = WEDNESDAY, **given: Any) -> DriftRecord:
    arguments = {"limits": Limits(), "model": IN_USE, "versions": VERSIONS, "expected": USUAL, **given}
    return compare_errors(warehouse.connection, as_of, run_id="r", **arguments)


def test_mondays_model_is_judged_by_the_weeks_of_those_before_it(warehouse: Warehouse) -> None:
    """Off by 10 of 100 one week ahead, by 30 of 100 two weeks ahead; usual are 10 and 20: 40 / 30 is past 1.25."""
    published(
        warehouse,
        [
            ("v8", -2, -2, 110, 100),
            ("v8", -2, -1, 70, 100),
            ("v8", -2, 0, 500, None),
            ("v11", 0, 0, 100, None),
        ],
    )
    found = compared(warehouse)
    assert found == DriftRecord(
        "r", WEDNESDAY, "v11", "wmape_ratio", "", pytest.approx(40 / 30), 1.25, True, 2
    )


def test_errors_as_usual_are_silent(warehouse: Warehouse) -> None:
    published(warehouse, [("v8", -2, -2, 110, 100), ("v8", -2, -1, 80, 100), ("v11", 0, 0, 100, None)])
    found = compared(warehouse)
    assert (found.value, found.drifted, found.rows_compared) == (pytest.approx(1.0), False, 2)


def test_far_ahead_more_error_is_usual(warehouse: Warehouse) -> None:
    """40 of 100 three weeks ahead is no drift, one week ahead it is four times the usual."""
    published(warehouse, [("v8", -3, -1, 140, 100)])
    assert compared(warehouse).value == pytest.approx(1.0)
    published(warehouse, [("v9", -1, -1, 140, 100)])
    assert compared(warehouse).value == pytest.approx(4.0)


def test_of_two_forecasts_of_a_week_the_last_one_counts(warehouse: Warehouse) -> None:
    """By the day it was made on, and of one day the higher version: ten is more than nine."""
    published(
        warehouse,
        [("v11", -3, -1, 900, 100), ("v9", -1, -1, 900, 100), ("v10", -1, -1, 105, 100)],
    )
    found = compared(warehouse)
    assert (found.value, found.rows_compared) == (pytest.approx(0.5), 1)


def test_other_horizons_and_lead_times_nobody_knows_are_left_out(warehouse: Warehouse) -> None:
    published(warehouse, [("v7", -1, -1, 900, 100), ("v8", -6, -2, 900, 100)])
    found = compared(warehouse)
    assert (found.value, found.drifted, found.rows_compared) == (None, False, 0)


def test_where_nothing_was_sold_there_is_no_ratio(warehouse: Warehouse) -> None:
    published(warehouse, [("v8", -1, -1, 5, 0)])
    found = compared(warehouse)
    assert (found.value, found.drifted, found.rows_compared) == (None, False, 1)


@pytest.mark.parametrize("day", range(7))
def test_the_last_week_is_compared_on_every_weekday(warehouse: Warehouse, day: int) -> None:
    published(warehouse, [("v8", -2, -2, 900, 100), ("v8", -2, -1, 120, 100), ("v8", -2, 0, 900, 100)])
    found = compared(warehouse, MONDAY + timedelta(days=day), limits=Limits(weeks=1))
    assert (found.value, found.rows_compared) == (pytest.approx(1.0), 1)
