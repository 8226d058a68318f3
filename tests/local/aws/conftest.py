"""One local AWS for the whole session, in the tests' own process: three seconds once instead of per test."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import boto3
import pytest

from local.aws.server import REGION, LocalAws

SCRIPTS = "scripts"
LAKE = "lake"


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    server = LocalAws(port=0, state=tmp_path_factory.mktemp("aws"), seconds_per_minute=1.0, stop_grace=1.0)
    server.start()
    for bucket in (SCRIPTS, LAKE):
        client(server, "s3").create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
    yield server
    server.stop()


def client(aws: LocalAws, service: str) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=aws.url,
        region_name=REGION,
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )


@pytest.fixture(scope="session")
def s3(aws: LocalAws) -> Any:
    return client(aws, "s3")


@pytest.fixture(scope="session")
def glue(aws: LocalAws) -> Any:
    return client(aws, "glue")


@pytest.fixture(scope="session")
def service(aws: LocalAws) -> Callable[[str], Any]:
    return lambda name: client(aws, name)


@pytest.fixture
def new_job(glue: Any, s3: Any, request: pytest.FixtureRequest) -> Callable[..., str]:
    """Make a job of a script's text, named for the test."""

    def make(script: str, defaults: Mapping[str, str] | None = None, **job: Any) -> str:
        name = f"{request.node.originalname}-{time.monotonic_ns()}"
        s3.put_object(Bucket=SCRIPTS, Key=f"{name}.py", Body=script.encode())
        job = {
            "Command": {"Name": "glueetl", "ScriptLocation": f"s3://{SCRIPTS}/{name}.py"},
            "DefaultArguments": dict(defaults or {}),
            **job,
        }
        glue.create_job(Name=name, Role="arn:aws:iam::123456789012:role/glue", **job)
        return name

    return make


@pytest.fixture
def wait_for(glue: Any) -> Callable[..., dict[str, Any]]:
    def wait(name: str, run_id: str, *states: str, seconds: float = 60) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while True:
            run: dict[str, Any] = glue.get_job_run(JobName=name, RunId=run_id)["JobRun"]
            if run["JobRunState"] in states:
                return run
            assert time.monotonic() < deadline, f"still {run['JobRunState']} after {seconds} s"
            time.sleep(0.05)

    return wait


@pytest.fixture
def run_job(
    glue: Any, new_job: Callable[..., str], wait_for: Callable[..., dict[str, Any]]
) -> Callable[..., dict[str, Any]]:
    """Run a script's text as a Glue job to its end, and give the run."""

    def run(
        script: str, arguments: Mapping[str, str] | None = None, seconds: float = 60, **job: Any
    ) -> dict[str, Any]:
        name = new_job(script, **job)
        run_id = glue.start_job_run(JobName=name, Arguments=dict(arguments or {}))["JobRunId"]
        return wait_for(name, run_id, "SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", seconds=seconds)

    return run
