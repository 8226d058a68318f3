"""Scoring on the local SageMaker: each model's answers have a place of their own."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from local.aws.server import LocalAws
from tasks.churn import churn_scores, churn_scoring
from tasks.churn.churn_scores import Scores
from tasks.models.model_registry import ModelVersion
from tasks.services import aws, objects
from tests.local.aws.conftest import XGBOOST, archive
from tests.tasks.churn.churn_day import dataset, model, put, put_customers
from tests.tasks.local_sagemaker import local_sagemaker

INFERENCE = """
import io, pathlib
import pandas as pd

def model_fn(model_dir):
    return float(pathlib.Path(model_dir, "says.txt").read_text())

def input_fn(body, content_type):
    return pd.read_parquet(io.BytesIO(body))

def predict_fn(rows, probability):
    return rows.assign(customer_id="C" + rows["customer_key"].astype(str), probability=probability, reasons="[]")

def output_fn(rows, accept):
    return rows.to_parquet(index=False)
"""
DAY = dataset(3)


@pytest.fixture(scope="module", autouse=True)
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    with local_sagemaker(tmp_path_factory.mktemp("aws")) as server:
        aws.s3().create_bucket(
            Bucket="highwater-lake", CreateBucketConfiguration={"LocationConstraint": "ap-south-1"}
        )
        put_customers(DAY, *(pa.table({"customer_key": keys}) for keys in ([1, 2], [3])))
        yield server


def version(number: int, says: float) -> ModelVersion:
    made = model(number)
    put(made.model_data, archive({"says.txt": str(says), "code/inference.py": INFERENCE}))
    return ModelVersion(**{**vars(made), "image": XGBOOST})


def scored(model: ModelVersion, owner: str) -> Scores:
    return churn_scores.accept(DAY, model, churn_scoring.score(DAY, model, owner), owner)


def said(scores: Scores) -> list[tuple[int, float, str]]:
    read = (pq.read_table(io.BytesIO(objects.read(file))).to_pylist() for file in scores.files)
    return [(row["customer_key"], row["probability"], row["model_version"]) for rows in read for row in rows]


def test_models_of_one_day_and_code_do_not_write_over_each_other() -> None:
    """As another tuning of the same day makes them. The first one's scores may be published, or the second's soon be."""
    one, two = version(1, 0.25), version(2, 0.75)
    first, second = scored(one, "run-1"), scored(two, "run-2")
    assert said(first) == [(key, 0.25, "v1") for key in (1, 2, 3)]
    assert said(second) == [(key, 0.75, "v2") for key in (1, 2, 3)]
    assert scored(one, "run-3") == first
    assert len(aws.sagemaker().list_transform_jobs()["TransformJobSummaries"]) == 2
