"""A day of the churn flow: its dataset and models, without the jobs that make them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.churn.churn_dataset import Dataset
from tasks.churn.churn_inputs import Inputs
from tasks.models.model_registry import ModelVersion
from tasks.services import aws

AS_OF = date(2026, 3, 1)


def dataset(due: int = 3, refused: Mapping[str, int] | None = None, **inputs: Any) -> Dataset:
    """A day with so many customers to score."""
    refused = refused or {}
    made = Inputs(
        **{"as_of": AS_OF, "horizon_days": 90, "snapshots": {}, "store_files": (), "origins": (), **inputs}
    )
    future = {"due": due + sum(refused.values()), "rows": due, "refused": dict(refused)}
    figures = {
        "due": future["due"],
        "rows_future": due,
        "rows_refused": sum(refused.values()),
        "rows_history": 10,
        "origins": [{"by_features": {"store": 6, "reconstructed": 4}}],
        "future": future,
    }
    return Dataset(made, "s3://highwater-lake/ml/churn_dataset/rows/w-1", figures, None)


def put(address: str, rows: pa.Table | bytes) -> str:
    if isinstance(rows, pa.Table):
        body = io.BytesIO()
        pq.write_table(rows, body)
        rows = body.getvalue()
    bucket, key = aws.split(address)
    aws.s3().put_object(Bucket=bucket, Key=key, Body=rows)
    return address


def put_customers(day: Dataset, *files: pa.Table) -> None:
    """The customers to score."""
    for number, rows in enumerate(files):
        put(f"{day.future}part-{number}.parquet", rows)


def model(number: int = 7, status: str = "Approved", **metadata: str) -> ModelVersion:
    return ModelVersion(
        arn=f"arn:aws:sagemaker:ap-south-1:123456789012:model-package/highwater-churn/{number}",
        number=number,
        status=status,
        metadata={
            "as_of": AS_OF.isoformat(),
            "horizon_days": "90",
            "code_version": "c0dec0dec0de",
            **metadata,
        },
        model_data=f"s3://highwater-lake/models/{number}/model.tar.gz",
        image="image",
        evaluation="s3://highwater-lake/evaluation.json",
    )
