"""The AWS side as the process that the supervisor starts."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import boto3
import pytest

from local import cloud
from local.aws.processes import kill_marked_by, marked
from local.aws.server import REGION, AwsPortTakenError, LocalAws
from local.settings import LocalSettings
from tests.local.aws.conftest import LAKE

REPOSITORY = Path(__file__).parents[3]
SLEEP = b"import time\nprint('up', flush=True)\ntime.sleep(600)"

StartServer = Callable[[], "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[StartServer]:
    """`python -m local.aws` on a free port; killed at the end of the test if it is still up."""
    started: list[subprocess.Popen[str]] = []

    def make() -> subprocess.Popen[str]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [
            sys.executable,
            "-m",
            "local.aws",
            "--port",
            str(port),
            "--state",
            str(tmp_path),
            "--logs",
            str(tmp_path / "here"),
        ]
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield make
    for process in started:
        process.kill()
        process.wait()
    kill_marked_by(str(tmp_path), grace=1)


def ready(state: Path, process: subprocess.Popen[str]) -> str:
    deadline = time.monotonic() + 60
    while not (state / "aws.ready").exists():
        assert process.poll() is None, "the server ended"
        assert time.monotonic() < deadline, "the server is not ready"
        time.sleep(0.05)
    return str(json.loads((state / "aws.ready").read_text())["url"])


def start_sleeping_jobs(url: str, state: Path) -> None:
    """One of Glue, one of SageMaker."""

    def client(name: str) -> Any:
        keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
        return boto3.client(name, endpoint_url=url, region_name=REGION, **keys)  # type: ignore[call-overload]

    client("s3").create_bucket(Bucket="scripts", CreateBucketConfiguration={"LocationConstraint": REGION})
    client("s3").put_object(Bucket="scripts", Key="sleep.py", Body=SLEEP)
    command = {"Name": "glueetl", "ScriptLocation": "s3://scripts/sleep.py"}
    client("glue").create_job(Name="sleep", Role="r", Command=command)
    run_id = client("glue").start_job_run(JobName="sleep")["JobRunId"]
    code = {"S3Uri": "s3://scripts/sleep.py", "LocalPath": "/opt/ml/processing/input", "S3InputMode": "File"}
    image = "123456789012.dkr.ecr.ap-south-1.amazonaws.com/sagemaker-xgboost:3.2-0"
    entry = ["python3", "/opt/ml/processing/input/sleep.py"]
    client("sagemaker").create_processing_job(
        ProcessingJobName="sleep",
        RoleArn="arn:aws:iam::123456789012:role/sagemaker",
        AppSpecification={"ImageUri": image, "ContainerEntrypoint": entry},
        ProcessingInputs=[{"InputName": "code", "S3Input": {**code, "S3DataType": "S3Prefix"}}],
        ProcessingResources={
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
        },
    )
    logs = (
        state / "here" / "glue" / f"{run_id}.log",
        state / "here" / "sagemaker" / "ProcessingJob" / "sleep.log",
    )
    deadline = time.monotonic() + 30
    while not all(log.exists() and log.read_text() == "up\n" for log in logs):
        job = client("sagemaker").describe_processing_job(ProcessingJobName="sleep")
        assert time.monotonic() < deadline, job
        assert job["ProcessingJobStatus"] == "InProgress", job
        time.sleep(0.05)


def job_processes(state: Path) -> int:
    return len(marked(lambda mark: mark.startswith(f"{state}:")))


@pytest.mark.e2e
def test_ready_means_that_requests_are_answered_and_sigterm_stops_the_jobs(
    start: StartServer, tmp_path: Path
) -> None:
    server = start()
    start_sleeping_jobs(ready(tmp_path, server), tmp_path)
    assert job_processes(tmp_path) == 2

    server.terminate()
    output, _ = server.communicate(timeout=20)

    assert server.returncode == 0
    assert job_processes(tmp_path) == 0
    assert not (tmp_path / "aws.ready").exists()
    events = [json.loads(line) for line in output.splitlines()]
    assert [event["event"] for event in events if event["event"].startswith("aws_")] == [
        "aws_ready",
        "aws_stopped",
    ]
    ended = {event["event"]: event["state"] for event in events if event["event"].endswith("_ended")}
    assert ended == {"glue_run_ended": "STOPPED", "sagemaker_job_ended": "Stopped"}
    assert list((tmp_path / "sagemaker" / "ProcessingJob").iterdir()) == []


@pytest.mark.e2e
def test_a_server_kills_the_jobs_of_its_killed_predecessor(start: StartServer, tmp_path: Path) -> None:
    first = start()
    start_sleeping_jobs(ready(tmp_path, first), tmp_path)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    assert job_processes(tmp_path) == 2
    (tmp_path / "aws.ready").unlink()

    second = start()
    ready(tmp_path, second)

    assert job_processes(tmp_path) == 0
    assert list((tmp_path / "glue").iterdir()) == [tmp_path / "glue" / "bodies"]
    assert not (tmp_path / "sagemaker").exists()


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(AwsPortTakenError, match=f"port {port} is taken.*HIGHWATER_LOCAL_AWS_PORT"):
            LocalAws(port, tmp_path)


def test_it_listens_on_this_machine_only(aws: LocalAws) -> None:
    assert aws.url.startswith("http://127.0.0.1:")


def test_time_to_live_is_not_swept(service: Callable[[str], Any]) -> None:
    """DynamoDB deletes expired items within days; here never. Code must judge the expiry itself on both."""
    dynamodb = service("dynamodb")
    dynamodb.create_table(
        TableName="leases",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    ttl = {"Enabled": True, "AttributeName": "expires"}
    dynamodb.update_time_to_live(TableName="leases", TimeToLiveSpecification=ttl)
    dynamodb.put_item(TableName="leases", Item={"id": {"S": "a"}, "expires": {"N": "1"}})

    assert "Item" in dynamodb.get_item(TableName="leases", Key={"id": {"S": "a"}})


def test_asking_whether_it_answers_costs_the_same_however_much_is_in_it(
    aws: LocalAws, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of everything that moto holds took longer to make than `status` waits, after a demo."""
    asked: list[str] = []
    monkeypatch.setattr(cloud, "answers", asked.append)
    port = int(aws.url.rpartition(":")[2])
    cloud.declared_parts(LocalSettings(aws_port=port))

    def size() -> int:
        with urlopen(asked[0]) as answer:
            assert answer.status < 300
            return len(answer.read())

    before = size()
    for n in range(50):
        s3.put_object(Bucket=LAKE, Key=f"many/{n}", Body=b"x")
    assert size() == before < 2000
