"""Drift of the forecast's model: compare recent weeks with training, features by PSI and errors by their ratio."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from tasks.errors import DataError, SystemFault
from tasks.forecast.forecast_features import NAMESPACE, TABLE
from tasks.lake import lake_tables
from tasks.models import drift
from tasks.models.drift import Distribution
from tasks.models.model_registry import ModelVersion
from tasks.runs.monitoring import DriftRecord
from tasks.services import objects
from tasks.services.snowflake import execute
from warehouse.load import predictions as statements

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

ERRORS = "wmape_ratio"
# Features that reflect current conditions. Not compared: seasonal features (a few weeks always differ from a full year) and
# features that only accumulate, such as the lift of past promotions or the age of a series.
COMPARED = (
    "units", "lag_1", "is_promoted", "discount", "promoted_before", "competing_share", "competing_discount",
    "planned_spend", "price_index_last", "price_trend", "stockout_share_8", "zero_share_13",
)  # fmt: skip


class Limits(BaseModel):
    """The limits above which a warning is sent."""

    weeks: int = Field(default=8, ge=1, le=52, description="number of recent weeks to compare")
    psi_max: float = Field(
        default=0.25,
        gt=0,
        description="maximum population stability index of any feature, on top of an allowance for chance in small samples; "
        "below 0.1 is a small shift, above 0.25 a large one",
    )
    error_ratio_max: float = Field(
        default=1.25,
        gt=0,
        description="maximum ratio of the closed weeks' WMAPE to the backtest's at the same lead times",
    )


def closed_weeks(as_of: date, weeks: int) -> tuple[date, date]:
    """The last closed weeks, from the first Monday to the Monday after the last. The week of `as_of` is still open."""
    until = as_of - timedelta(days=as_of.weekday())
    return until - timedelta(weeks=weeks), until


def compare_features(
    trained: Mapping[str, Distribution], as_of: date, limits: Limits, model: ModelVersion, run_id: str
) -> list[DriftRecord]:
    """PSI per feature of the recent weeks in ml.demand_features, counted batch by batch."""
    table = lake_tables.load(NAMESPACE, TABLE)
    if table is None:
        raise DataError("there are no features in ml.demand_features: run the forecast first.")
    since, until = closed_weeks(as_of, limits.weeks)
    known = {field.name for field in table.schema().fields}
    names = [name for name in COMPARED if name in trained and name in known]
    batches = table.scan(
        row_filter=f"as_of = '{as_of}' and is_future = false and week >= '{since}' and week < '{until}'",
        selected_fields=tuple(names),
    ).to_arrow_batch_reader()
    counts = drift.counted(trained, names, batches)
    if names and not sum(counts[names[0]]):
        raise DataError(
            f"ml.demand_features has no rows of the {limits.weeks} weeks before {as_of}: nothing to compare."
        )
    return [
        drift.record(name, trained[name], counts[name], limits.psi_max, model, as_of, run_id)
        for name in names
    ]


def errors_at_training(model: ModelVersion) -> dict[int, float]:
    """WMAPE by lead time in the model's backtest. Lead times without sales are left out."""
    try:
        described = json.loads(objects.read(model.evaluation))["by_lead_time"]
        return {int(lead): float(s["wmape"]) for lead, s in described.items() if s["wmape"] is not None}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SystemFault(
            f"{model.evaluation} has no errors by lead time: {error!r}. Train a new model."
        ) from error


def compare_errors(
    connection: SnowflakeConnection,
    as_of: date,
    limits: Limits,
    model: ModelVersion,
    versions: Sequence[str],
    expected: Mapping[int, float],
    run_id: str,
) -> DriftRecord:
    """The error ratio of published forecasts in the closed weeks, across all given versions.

    The model in use is often too new to have closed weeks of its own. The ratio is None if no version has any, or nothing
    was sold in them.
    """
    since, until = closed_weeks(as_of, limits.weeks)
    rows, error, usual = execute(connection, statements.sum_errors(versions, since, until, expected))
    ratio = float(error) / float(usual) if usual else None
    drifted = ratio is not None and ratio > limits.error_ratio_max
    limit = limits.error_ratio_max
    return DriftRecord(run_id, as_of, model.name, ERRORS, "", ratio, limit, drifted, int(rows))
