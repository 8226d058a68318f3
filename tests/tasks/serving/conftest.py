"""A local AWS with real endpoints, and versions of a small model to deploy."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.moto_api._internal.models import moto_api_backend

from local import resources
from local.aws.server import LocalAws
from local.aws_resources import create_table
from tasks.models.model_registry import ModelVersion
from tasks.services import aws
from tasks.serving import observing
from tasks.settings import settings
from tests.local.aws.conftest import XGBOOST, archive

CLIENTS = (aws.s3, aws.dynamodb, aws.sagemaker, aws.sagemaker_runtime, aws.cloudwatch)
INFERENCE = """
import json, pathlib, time

class BadRequest(ValueError):
    status_code = 422

def model_fn(model_dir):
    how = json.loads(pathlib.Path(model_dir, "how.json").read_text())
    if how.get("broken"):
        raise OSError("no such tree")
    return how

def input_fn(body, content_type):
    return json.loads(body)["instances"]

def predict_fn(rows, how):
    time.sleep(how.get("seconds", 0))
    if how.get("fails"):
        raise BadRequest("column orders: missing")
    return [{"customer_id": row["customer_id"], "probability": row["x"] * how.get("times", 1.0)} for row in rows]

def output_fn(predictions, accept):
    return json.dumps({"predictions": predictions}), accept
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    moto_api_backend.reset()  # what an earlier server of this process has left
    local = LocalAws(port=0, state=tmp_path_factory.mktemp("aws"), stop_grace=1.0)
    local.start()
    yield local
    local.stop()


@pytest.fixture
def cloud(
    server: LocalAws, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[LocalAws]:
    """The local AWS as the tasks' AWS, with an endpoint name of the test's own."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(observing, "PERIOD", timedelta(seconds=1))  # nobody waits a minute in each test
    monkeypatch.setenv("HIGHWATER_ENDPOINT", f"e{time.monotonic_ns() % 10**9}")
    for client in CLIENTS:
        client.cache_clear()
    settings.cache_clear()
    with suppress(ClientError):
        aws.s3().create_bucket(
            Bucket=settings().artifacts_bucket, CreateBucketConfiguration={"LocationConstraint": "ap-south-1"}
        )
    with suppress(ClientError):
        create_table(aws.dynamodb(), resources.LEDGER)
    yield server
    with suppress(ClientError):
        aws.sagemaker().delete_endpoint(EndpointName=settings().endpoint)
    for client in CLIENTS:
        client.cache_clear()
    settings.cache_clear()


@pytest.fixture
def version(cloud: LocalAws) -> Callable[..., ModelVersion]:
    """A version of the model; keywords say how it answers."""

    def make(number: int, **how: Any) -> ModelVersion:
        key = f"models/{settings().endpoint}/v{number}/model.tar.gz"
        files = {"how.json": json.dumps(how), "code/inference.py": INFERENCE}
        bucket = settings().artifacts_bucket
        aws.s3().put_object(Bucket=bucket, Key=key, Body=archive(files))
        return ModelVersion(
            arn=f"arn:aws:sagemaker:ap-south-1:123456789012:model-package/highwater-churn/{number}",
            number=number,
            status="Approved",
            metadata={},
            model_data=f"s3://{bucket}/{key}",
            image=XGBOOST,
            evaluation="",
        )

    return make
