"""Processing jobs are local processes over inputs and outputs below /opt/ml/processing."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

IMAGE = "720646828776.dkr.ecr.ap-south-1.amazonaws.com/sagemaker-xgboost:3.2-0"
# Where /opt/ml is mapped rather than mounted, arguments and SAGEMAKER_BASE_DIR name the job's directory.
COUNT = """
import json, os, pathlib, sys
given, made = map(pathlib.Path, sys.argv[1:3])
base = pathlib.Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
config = json.loads((base / "config" / "processingjobconfig.json").read_text())
files = {str(file.relative_to(given)): len(file.read_text()) for file in given.rglob("*") if file.is_file()}
(made / "deep").mkdir()
(made / "deep" / "counts.json").write_text(json.dumps([files, os.environ["MODE"], config["ProcessingJobName"]]))
(made / "deep" / "empty").write_text("")
"""


def given(name: str, uri: str, **more: Any) -> dict[str, Any]:
    source = {"S3Uri": uri, "LocalPath": f"/opt/ml/processing/input/{name}", "S3DataType": "S3Prefix", **more}
    return {"InputName": name, "S3Input": source}


def made(uri: str, **more: Any) -> dict[str, Any]:
    target = {
        "S3Uri": uri,
        "LocalPath": "/opt/ml/processing/output/counts",
        "S3UploadMode": "EndOfJob",
        **more,
    }
    return {"Outputs": [{"OutputName": "counts", "S3Output": target}]}


def test_inputs_come_from_s3_and_outputs_go_there(process: Any, s3: Any, objects: Any) -> None:
    for key, body in (("a.txt", "one"), ("deep/b.txt", "three")):
        s3.put_object(Bucket="lake", Key=f"count/in/{key}", Body=body.encode())

    job = process(
        COUNT,
        ["/opt/ml/processing/input/texts", "/opt/ml/processing/output/counts"],
        ProcessingInputs=[given("texts", "s3://lake/count/in/")],
        ProcessingOutputConfig=made("s3://lake/count/out/"),
        Environment={"MODE": "x"},
    )

    assert job["ProcessingJobStatus"] == "Completed", job
    name = job["ProcessingJobName"]
    expected = f'[{{"a.txt": 3, "deep/b.txt": 5}}, "x", "{name}"]'.encode()
    assert objects("count/out") == {"deep/counts.json": expected, "deep/empty": b""}
    assert job["ProcessingStartTime"] < job["ProcessingEndTime"]
    assert job["Environment"] == {"MODE": "x"}
    assert job["ProcessingJobArn"] == f"arn:aws:sagemaker:ap-south-1:123456789012:processing-job/{name}"
    assert "FailureReason" not in job


def test_a_failed_job_says_why_and_publishes_nothing(process: Any, objects: Any) -> None:
    script = """
import os, pathlib, sys
pathlib.Path(sys.argv[1], "half").write_text("x")
pathlib.Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"), "output", "message").write_text("week 7 is missing")
raise ValueError("DataError: only 12 weeks")
"""
    job = process(
        script,
        ["/opt/ml/processing/output/counts"],
        ProcessingOutputConfig=made("s3://lake/count/failed"),
    )

    assert (job["ProcessingJobStatus"], job["ExitMessage"]) == ("Failed", "week 7 is missing")
    assert job["FailureReason"] == "AlgorithmError: ValueError: DataError: only 12 weeks"
    assert objects("count/failed") == {}


def test_a_missing_input_fails_the_job(process: Any) -> None:
    job = process("", ProcessingInputs=[given("none", "s3://lake/count/nothing-here/")])

    assert job["ProcessingJobStatus"] == "Failed"
    assert 'No S3 objects found under S3 URL "s3://lake/count/nothing-here/"' in job["FailureReason"]


def test_a_job_is_stopped_by_request_and_by_its_limit(
    process: Any, sagemaker: Any, sagemaker_job: Any
) -> None:
    sleep = "import time\ntime.sleep(600)"
    name = process(sleep, wait=False)
    sagemaker.stop_processing_job(ProcessingJobName=name)

    assert sagemaker_job("processing", name)["ProcessingJobStatus"] == "Stopped"
    assert process(sleep, StoppingCondition={"MaxRuntimeInSeconds": 1})["ProcessingJobStatus"] == "Stopped"
    with pytest.raises(ClientError, match="the processing job is in status Stopped"):
        sagemaker.stop_processing_job(ProcessingJobName=name)


def test_a_name_is_taken_for_good_and_listed(process: Any, sagemaker: Any) -> None:
    name = process("")["ProcessingJobName"]

    with pytest.raises(ClientError, match="already exists") as taken:
        process("", ProcessingJobName=name)

    assert taken.value.response["Error"]["Code"] == "ResourceInUse"
    (listed,) = sagemaker.list_processing_jobs(NameContains=name)["ProcessingJobSummaries"]
    assert (listed["ProcessingJobName"], listed["ProcessingJobStatus"]) == (name, "Completed")


@pytest.mark.filterwarnings("ignore:Exception.Local")
@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"AppSpecification": {"ImageUri": "python:3.12"}}, "no environment for the image 'python:3.12'"),
        ({"AppSpecification": {"ImageUri": IMAGE}}, "needs the ContainerEntrypoint"),
        (
            {"ProcessingInputs": [given("x", "s3://a/b", LocalPath="/data")]},
            "below /opt/ml/processing, not in '/data'",
        ),
        (
            {"ProcessingInputs": [given("x", "s3://a/b", S3InputMode="Pipe")]},
            "neither streamed nor compressed",
        ),
        ({"ProcessingOutputConfig": made("s3://a/b", S3UploadMode="Continuous")}, "not continuously"),
        ({"ProcessingOutputConfig": made("s3://a/b", LocalPath="/opt/ml/processing/../x")}, "not in"),
        ({"ProcessingJobName": "a.b"}, "failed to satisfy constraint"),
    ],
)
def test_what_can_not_be_honoured_is_refused(process: Any, changed: dict[str, Any], why: str) -> None:
    with pytest.raises(ClientError, match=why):
        process("", **changed)
