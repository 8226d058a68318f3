"""Drift of features and scores: compare recent data with training by the population stability index (PSI).

PSI needs only the binned shares from training, which are in the model's archive, and it measures how far a distribution has
moved. With hundreds of thousands of rows, a p-value (KS, chi-squared) would call every shift significant.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from deployments import names
from tasks.errors import SystemFault, aws_failures
from tasks.models import model_archive
from tasks.models.model_registry import ModelVersion
from tasks.runs.monitoring import DriftRecord
from tasks.services import aws

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricDatumTypeDef

PSI = "psi"
_MIN_SHARE = 1e-4  # an empty bin would make the index infinite


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


def chance(bins: int, rows: float) -> float:
    """The PSI that chance alone may cause. PSI x rows is roughly chi-squared: its mean plus three standard deviations."""
    freedom = bins - 1
    return (freedom + 3 * math.sqrt(2 * freedom)) / rows


def at_training(model: ModelVersion) -> dict[str, Distribution]:
    """The distributions at training, from the model's archive."""
    described = model_archive.metadata_entry(model.model_data, "distributions")
    try:
        return {
            name: Distribution(tuple(found["edges"]), tuple(found["shares"]), float(found["missing"]))
            for name, found in described.items()
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SystemFault(
            f"the distributions of {model.model_data} are not what a training writes: {error!r}. Train a new model."
        ) from error


def counted(
    trained: Mapping[str, Distribution], features: Sequence[str], batches: Iterable[pa.RecordBatch]
) -> dict[str, list[int]]:
    """How many rows fall into each bin of each feature, batch by batch."""
    counts = {name: [0] * (len(trained[name].shares) + 1) for name in features}
    for batch in batches:
        for name in features:
            found = trained[name].count(batch.column(name))
            counts[name] = [total + more for total, more in zip(counts[name], found, strict=True)]
    return counts


def record(
    name: str,
    trained: Distribution,
    counts: Sequence[int],
    psi_max: float,
    model: ModelVersion,
    as_of: date,
    run_id: str,
) -> DriftRecord:
    """The PSI of one feature. Its limit allows for chance in few rows."""
    rows = sum(counts)
    limit = psi_max + chance(len(counts), rows)
    value = psi((*trained.shares, trained.missing), [count / rows for count in counts])
    return DriftRecord(run_id, as_of, model.name, PSI, name, value, limit, value > limit, rows)


def emit(model: str, records: Iterable[DriftRecord]) -> None:
    """Send metrics for alarms to CloudWatch: the largest PSI, the number of drifted features, and each other figure."""
    records = list(records)
    features = [record for record in records if record.metric == PSI]
    figures: dict[str, float | None] = {
        "feature_psi_max": max((record.value or 0.0 for record in features), default=None),
        "features_drifted": float(sum(record.drifted for record in features)) if features else None,
        **{record.metric: record.value for record in records if record.metric != PSI},
    }
    data: list[MetricDatumTypeDef] = [
        {"MetricName": name, "Dimensions": [{"Name": "Model", "Value": model}], "Value": value}
        for name, value in figures.items()
        if value is not None
    ]
    if data:
        with aws_failures(f"sending {len(data)} drift figures to CloudWatch {names.MODELS_NAMESPACE}"):
            aws.cloudwatch().put_metric_data(Namespace=names.MODELS_NAMESPACE, MetricData=data)
