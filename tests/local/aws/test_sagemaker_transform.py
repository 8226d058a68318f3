"""Batch transform sends each object to the model's own inference code, in the container's packages."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

DOUBLE = """
import io, json, os, pathlib
import pyarrow as pa, pyarrow.parquet as pq
from factor import FACTOR

def model_fn(model_dir):
    return json.loads(pathlib.Path(model_dir, "model.json").read_text())["add"]

def input_fn(body, content_type):
    assert content_type == "application/x-parquet", content_type
    return pq.read_table(io.BytesIO(body))["x"].to_pylist()

def predict_fn(values, model):
    return [FACTOR * value + model for value in values]

def output_fn(values, accept):
    assert accept == "application/x-parquet", accept
    sink = io.BytesIO()
    pq.write_table(pa.table({"y": values}), sink)
    return sink.getvalue()
"""
ECHO = """
def model_fn(model_dir):
    return None
def transform_fn(model, body, content_type, accept):
    if b"bad" in (body if isinstance(body, bytes) else body.encode()):
        raise ValueError("a bad record")
    return f"{type(body).__name__} {content_type} {accept}", accept
"""
SLOW = "import time\ndef model_fn(model_dir):\n    time.sleep(600)"


def parquet(values: list[int]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"x": values}), sink)
    return sink.getvalue()


def test_each_object_gets_the_models_answer(
    make_model: Any, transform: Any, s3: Any, objects: Any, sagemaker: Any
) -> None:
    for key, values in (("a.parquet", [1, 2]), ("deep/b.parquet", [])):
        s3.put_object(Bucket="lake", Key=f"double/{key}", Body=parquet(values))
    model = make_model(
        {"model.json": '{"add": 100}', "code/inference.py": DOUBLE, "code/factor.py": "FACTOR = 2"}
    )

    job = transform(model, "double", MaxPayloadInMB=100, BatchStrategy="SingleRecord")

    assert job["TransformJobStatus"] == "Completed", job
    answers = objects(f"out/{job['TransformJobName']}")
    read = {name: pq.read_table(io.BytesIO(body))["y"].to_pylist() for name, body in answers.items()}
    assert read == {"a.parquet.out": [102, 104], "deep/b.parquet.out": []}
    assert (job["ModelName"], job["MaxPayloadInMB"]) == (model, 100)
    assert job["TransformStartTime"] < job["TransformEndTime"]
    (listed,) = sagemaker.list_transform_jobs(NameContains=job["TransformJobName"])["TransformJobSummaries"]
    assert listed["TransformJobStatus"] == "Completed"


@pytest.mark.parametrize(
    ("content_type", "accept", "answer"),
    [
        ("text/csv", "text/plain", "str text/csv text/plain"),
        ("application/x-any", "", "bytes application/x-any application/json"),
    ],
)
def test_text_arrives_as_text_and_accept_has_its_default(
    make_model: Any, transform: Any, s3: Any, objects: Any, content_type: str, accept: str, answer: str
) -> None:
    s3.put_object(Bucket="lake", Key="echo/a", Body=b"good")
    output = {"S3OutputPath": "s3://lake/echo-out/", **({"Accept": accept} if accept else {})}

    job = transform(
        make_model({"code/inference.py": ECHO}),
        "echo",
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://lake/echo/"}},
            "ContentType": content_type,
        },
        TransformOutput=output,
    )

    assert job["TransformJobStatus"] == "Completed", job
    assert objects("echo-out") == {"a.out": answer.encode()}


def test_a_bad_object_fails_the_job_and_the_others_keep_their_answers(
    make_model: Any, transform: Any, s3: Any, objects: Any
) -> None:
    for name, body in (("1", b"good"), ("2", b"bad"), ("3", b"good")):
        s3.put_object(Bucket="lake", Key=f"mixed/{name}", Body=body)

    job = transform(make_model({"code/inference.py": ECHO}), "mixed")

    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"] == (
        "AlgorithmError: RequestsFailed: 1 of 3 requests, the first 2: ValueError: a bad record"
    )
    assert sorted(objects(f"out/{job['TransformJobName']}")) == ["1.out", "3.out"]


def test_a_model_that_can_not_be_loaded_fails_the_job(make_model: Any, transform: Any, s3: Any) -> None:
    s3.put_object(Bucket="lake", Key="echo/a", Body=b"good")
    load = {
        "def model_fn(d): raise OSError('no model.ubj')": "AlgorithmError: OSError: no model.ubj",
        "import prophet": "AlgorithmError: ModuleNotFoundError: No module named 'prophet'",
        "def model_fn(d): pass": "AlgorithmError: NotImplementedError: inference has no input_fn, predict_fn, output_fn",
    }
    for code, reason in load.items():
        job = transform(make_model({"code/inference.py": code}), "echo")

        assert job["TransformJobStatus"] == "Failed"
        assert job["FailureReason"].startswith(reason)

    job = transform(make_model({"inference.py": ""}), "echo")
    assert job["FailureReason"] == "ClientError: /opt/ml/model/code of the model has no 'inference.py'"


def test_an_object_over_the_payload_limit_fails_the_job(make_model: Any, transform: Any, s3: Any) -> None:
    s3.put_object(Bucket="lake", Key="large/a", Body=bytes(2 * 1024 * 1024))
    model = make_model({"code/inference.py": ECHO})

    job = transform(model, "large", MaxPayloadInMB=1)

    assert job["FailureReason"] == (
        "ClientError: Too much data for max payload size: a has 2097152 bytes, MaxPayloadInMB allows 1048576"
    )
    assert transform(model, "large", MaxPayloadInMB=2)["TransformJobStatus"] == "Completed"


def test_a_transform_can_be_stopped(
    make_model: Any, transform: Any, s3: Any, sagemaker: Any, sagemaker_job: Any
) -> None:
    s3.put_object(Bucket="lake", Key="echo/a", Body=b"good")
    name = transform(make_model({"code/inference.py": SLOW}), "echo", wait=False)

    sagemaker.stop_transform_job(TransformJobName=name)

    assert sagemaker_job("transform", name)["TransformJobStatus"] == "Stopped"


def test_a_model_may_name_a_model_package(make_model: Any, transform: Any, s3: Any, sagemaker: Any) -> None:
    s3.put_object(Bucket="lake", Key="echo/a", Body=b"good")
    ready = sagemaker.describe_model(ModelName=make_model({"code/inference.py": ECHO}))["PrimaryContainer"]
    sagemaker.create_model_package_group(ModelPackageGroupName="transformed")
    package = sagemaker.create_model_package(
        ModelPackageGroupName="transformed",
        InferenceSpecification={
            "Containers": [{"Image": ready["Image"], "ModelDataUrl": ready["ModelDataUrl"]}],
            "SupportedContentTypes": ["application/x-parquet"],
            "SupportedResponseMIMETypes": ["application/x-parquet"],
        },
    )
    sagemaker.create_model(
        ModelName="from-package",
        ExecutionRoleArn="arn:aws:iam::123456789012:role/sagemaker",
        PrimaryContainer={
            "ModelPackageName": package["ModelPackageArn"],
            "Environment": {
                "SAGEMAKER_PROGRAM": "inference.py",
                "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
            },
        },
    )

    assert transform("from-package", "echo")["TransformJobStatus"] == "Completed"


@pytest.mark.filterwarnings("ignore:Exception.Local")
def test_what_can_not_be_honoured_is_refused(make_model: Any, transform: Any) -> None:
    model = make_model({"code/inference.py": ECHO})
    source = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://lake/echo/"}}}
    cases: list[tuple[str, dict[str, Any], str]] = [
        (
            model,
            {"TransformInput": {**source, "SplitType": "Line"}},
            "SplitType and AssembleWith must be None",
        ),
        (model, {"BatchStrategy": "MultiRecord"}, "BatchStrategy must be SingleRecord"),
        (model, {"DataProcessing": {"InputFilter": "$"}}, "does not honour DataProcessing"),
        (make_model({}, Image="other:1"), {}, "no environment for the image 'other:1'"),
        (make_model({}, Environment={}), {}, "SAGEMAKER_PROGRAM in the model's Environment"),
        ("no-such-model", {}, "Could not find model"),
    ]
    for name, changed, why in cases:
        with pytest.raises(ClientError, match=why):
            transform(name, "echo", **changed)
