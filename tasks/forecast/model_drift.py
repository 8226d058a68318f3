"""Model drift: compare recent data with training, features by PSI and errors by their ratio.

PSI needs only the binned shares from training, which are in the model's archive, and it measures how far a distribution has
moved. With hundreds of thousands of rows, a p-value (KS, chi-squared) would call every shift significant.
"""

from __future__ import annotations

import io
import json
import math
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, Field

from deployments import names
from tasks.errors import DataError, SystemFault, aws_failures
from tasks.forecast.forecast_features import NAMESPACE, TABLE
from tasks.lake import lake_tables
from tasks.models.model_registry import ModelVersion
from tasks.runs.monitoring import DriftRecord
from tasks.services import aws, objects
from tasks.services.snowflake import execute
from warehouse.load import predictions as statements

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricDatumTypeDef
    from snowflake.connector import SnowflakeConnection

PSI, ERRORS = "psi", "wmape_ratio"
# Features that reflect current conditions. Not compared: seasonal features (a few weeks always differ from a full year) and
# features that only accumulate, such as the lift of past promotions or the age of a series.
COMPARED = (
    "units", "lag_1", "is_promoted", "discount", "promoted_before", "competing_share", "competing_discount",
    "planned_spend", "price_index_last", "price_trend", "stockout_share_8", "zero_share_13",
)  # fmt: skip
_MIN_SHARE = 1e-4  # an empty bin would make the index infinite


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


@dataclass(frozen=True)
class Distribution:
    """A feature's distribution at training: the share of rows per bin, and the share of nulls."""

    edges: tuple[float, ...]
    shares: tuple[float, ...]
    missing: float

    def count(self, values: pa.ChunkedArray | pa.Array) -> list[int]:
        """The number of values per bin, nulls last. A value on an edge belongs to the bin above it."""
        numbers = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        known = numbers[~np.isnan(numbers)]
        bins = np.searchsorted(np.asarray(self.edges), known, side="right")
        counts = np.bincount(bins, minlength=len(self.shares)).tolist()
        return [*counts, len(numbers) - len(known)]


def psi(expected: Sequence[float], actual: Sequence[float]) -> float:
    """Population stability index: the sum of (a - e) ln(a / e) over the bins. Zero for equal shares, symmetric."""
    if len(expected) != len(actual):
        raise ValueError(f"{len(expected)} and {len(actual)} bins cannot be compared")
    pairs = [(max(e, _MIN_SHARE), max(a, _MIN_SHARE)) for e, a in zip(expected, actual, strict=True)]
    return sum((a - e) * math.log(a / e) for e, a in pairs)


def chance(bins: int, rows: int) -> float:
    """The PSI that chance alone may cause. PSI x rows is roughly chi-squared: its mean plus three standard deviations."""
    freedom = bins - 1
    return (freedom + 3 * math.sqrt(2 * freedom)) / rows


def closed_weeks(as_of: date, weeks: int) -> tuple[date, date]:
    """The last closed weeks, from the first Monday to the Monday after the last. The week of `as_of` is still open."""
    until = as_of - timedelta(days=as_of.weekday())
    return until - timedelta(weeks=weeks), until


def at_training(model: ModelVersion) -> dict[str, Distribution]:
    """The feature distributions at training, from metadata.json in the model's archive."""
    bucket, key = aws.split(model.model_data)
    with aws_failures(f"reading {model.model_data}"):
        body = aws.s3().get_object(Bucket=bucket, Key=key)["Body"].read()
    try:
        with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as archive:
            member = archive.extractfile("metadata.json")
            described: dict[str, Any] = json.load(member)["distributions"]  # type: ignore[arg-type]
        return {
            name: Distribution(tuple(found["edges"]), tuple(found["shares"]), float(found["missing"]))
            for name, found in described.items()
        }
    except (KeyError, TypeError, ValueError, tarfile.TarError) as error:
        raise SystemFault(
            f"{model.model_data} has no metadata.json with the training's distributions: {error!r}. Train a new model."
        ) from error


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
    counts = {name: [0] * (len(trained[name].shares) + 1) for name in names}
    for batch in batches:
        for name in names:
            found = trained[name].count(batch.column(name))
            counts[name] = [total + more for total, more in zip(counts[name], found, strict=True)]
    return [_feature(name, trained[name], counts[name], as_of, limits, model, run_id) for name in names]


def _feature(
    name: str,
    trained: Distribution,
    counts: Sequence[int],
    as_of: date,
    limits: Limits,
    model: ModelVersion,
    run_id: str,
) -> DriftRecord:
    rows = sum(counts)
    if not rows:
        raise DataError(
            f"ml.demand_features has no rows of the {limits.weeks} weeks before {as_of}: nothing to compare."
        )
    limit = limits.psi_max + chance(len(counts), rows)
    value = psi((*trained.shares, trained.missing), [count / rows for count in counts])
    return DriftRecord(run_id, as_of, model.name, PSI, name, value, limit, value > limit, rows)


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


def emit(records: Iterable[DriftRecord]) -> None:
    """Send summary metrics for alarms to CloudWatch: the largest PSI, the number of drifted features, the error ratio."""
    records = list(records)
    features = [record for record in records if record.metric == PSI]
    errors = next((record.value for record in records if record.metric == ERRORS), None)
    figures = {
        "feature_psi_max": max((record.value or 0.0 for record in features), default=None),
        "features_drifted": float(sum(record.drifted for record in features)) if features else None,
        ERRORS: errors,
    }
    data: list[MetricDatumTypeDef] = [
        {"MetricName": name, "Dimensions": [{"Name": "Model", "Value": "demand-forecast"}], "Value": value}
        for name, value in figures.items()
        if value is not None
    ]
    if data:
        with aws_failures(f"sending {len(data)} drift figures to CloudWatch {names.MODELS_NAMESPACE}"):
            aws.cloudwatch().put_metric_data(Namespace=names.MODELS_NAMESPACE, MetricData=data)
