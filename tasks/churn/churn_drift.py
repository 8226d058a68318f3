"""Drift of the churn model: the customers of today and their scores, compared with what the model before learned from."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, Field

from tasks.churn.churn_dataset import Dataset
from tasks.churn.churn_models import registry
from tasks.churn.churn_scores import Scores
from tasks.lake import lake_tables
from tasks.models import drift
from tasks.models.model_registry import AS_OF, ModelVersion
from tasks.runs.monitoring import DriftRecord
from tasks.services import objects

MODEL = "customer-churn"
"""The dimension of its figures in CloudWatch."""
SCORE = "probability"
_LOOKED_AT = 100
"""Of the newest approved models."""
# Features that reflect current conditions. Not compared: those that only accumulate, such as the age of a customer or all
# orders so far.
COMPARED = (
    "recency_days", "orders_30d", "orders_90d", "orders_180d", "amount_90d", "amount_180d", "avg_order_value",
    "cancelled_rate", "returned_rate", "mean_gap_days", "gap_ratio", "data_quality_score",
)  # fmt: skip


class DriftLimits(BaseModel):
    """The limits above which a warning is sent."""

    psi_max: float = Field(
        default=0.25,
        gt=0,
        description="maximum population stability index of a feature or of the scores, on top of an allowance for chance in "
        "small samples; below 0.1 is a small shift, above 0.25 a large one",
    )


def model_before(dataset: Dataset) -> ModelVersion | None:
    """The newest model of an earlier day that was approved."""
    known = registry().last(_LOOKED_AT, "Approved", dataset.horizon_days)
    day = dataset.as_of.isoformat()
    return next((model for model in known if model.metadata.get(AS_OF, day) < day), None)


def compare(
    dataset: Dataset, scores: Scores, before: ModelVersion, limits: DriftLimits, run_id: str
) -> list[DriftRecord]:
    """PSI of each feature and of the scores."""
    trained = drift.at_training(before)
    features = [name for name in COMPARED if name in trained]
    rows = _batches(lake_tables.parquet_files(dataset.future), features)
    counts = drift.counted(trained, features, rows)
    if SCORE in trained:
        counts |= drift.counted(trained, [SCORE], _batches(scores.files, [SCORE]))
    return [
        drift.record(name, trained[name], found, limits.psi_max, before, dataset.as_of, run_id)
        for name, found in counts.items()
    ]


def _batches(files: Iterable[str], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    for address in files:
        yield from pq.read_table(io.BytesIO(objects.read(address)), columns=list(columns)).to_batches()
