"""One local AWS for the whole session, in the tests' own process: three seconds once instead of per test."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.aws.sagemaker.opt_ml import can_isolate
from local.aws.server import REGION, LocalAws
from local.aws.spark_conf import SparkTuning

SCRIPTS = "scripts"
LAKE = "lake"
TUNING = SparkTuning(warm_jvms=1, runs_per_jvm=4)
# Without namespaces paths are others, and jobs reach the network; test_sagemaker_opt_ml.py has what holds there.
cut_off = pytest.mark.skipif(
    not can_isolate(Path(tempfile.gettempdir(), f"isolation-{os.getpid()}")),
    reason="NOT DONE: no job was cut off here, unshare is refused",
)


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    state = tmp_path_factory.mktemp("aws")
    server = LocalAws(port=0, state=state, tuning=TUNING, seconds_per_minute=1.0, stop_grace=1.0)
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


XGBOOST = "720646828776.dkr.ecr.ap-south-1.amazonaws.com/sagemaker-xgboost:3.2-0"
ROLE = "arn:aws:iam::123456789012:role/sagemaker"
ENDED = ("Completed", "Failed", "Stopped")


def archive(files: Mapping[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            body = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(name)
            entry.size = len(body)
            tar.addfile(entry, io.BytesIO(body))
    return buffer.getvalue()


@pytest.fixture(scope="session")
def sagemaker(aws: LocalAws) -> Any:
    return client(aws, "sagemaker")


@pytest.fixture
def start_training(s3: Any, sagemaker: Any) -> Callable[..., str]:
    """Train with a script's text in script mode; keywords go into the request."""

    def start(
        script: str,
        hyperparameters: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
        **request: Any,
    ) -> str:
        name = request.pop("TrainingJobName", f"t-{time.monotonic_ns()}")
        code = f"code/{name}/sourcedir.tar.gz"
        s3.put_object(Bucket=SCRIPTS, Key=code, Body=archive({"train.py": script, **(files or {})}))
        request = {
            "RoleArn": ROLE,
            "AlgorithmSpecification": {"TrainingImage": XGBOOST, "TrainingInputMode": "File"},
            "OutputDataConfig": {"S3OutputPath": f"s3://{LAKE}/models"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            **request,
        }
        sagemaker.create_training_job(
            TrainingJobName=name,
            HyperParameters={
                "sagemaker_program": "train.py",
                "sagemaker_submit_directory": f"s3://{SCRIPTS}/{code}",
                **(hyperparameters or {}),
            },
            **request,
        )
        return name

    return start


@pytest.fixture
def sagemaker_job(sagemaker: Any) -> Callable[..., dict[str, Any]]:
    """Wait until a job of the kind has one of the states, and give its description."""

    def wait(kind: str, name: str, *states: str, seconds: float = 60) -> dict[str, Any]:
        noun = f"{kind.capitalize()}Job"
        describe = getattr(sagemaker, f"describe_{kind}_job")
        deadline = time.monotonic() + seconds
        while True:
            job: dict[str, Any] = describe(**{f"{noun}Name": name})
            if job[f"{noun}Status"] in (states or ENDED):
                return job
            assert time.monotonic() < deadline, f"still {job[f'{noun}Status']} after {seconds} s"
            time.sleep(0.05)

    return wait


@pytest.fixture
def train(start_training: Callable[..., str], sagemaker_job: Callable[..., dict[str, Any]]) -> Any:
    def run(script: str, *given: Any, **request: Any) -> dict[str, Any]:
        return sagemaker_job("training", start_training(script, *given, **request))

    return run


@pytest.fixture
def unpacked(s3: Any) -> Callable[[str], dict[str, bytes]]:
    """The files of a .tar.gz in S3."""

    def unpack(uri: str) -> dict[str, bytes]:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as tar:
            return {
                member.name: file.read() for member in tar if (file := tar.extractfile(member)) is not None
            }

    return unpack


@pytest.fixture
def process(s3: Any, sagemaker: Any, sagemaker_job: Callable[..., dict[str, Any]]) -> Any:
    """Run a script's text as a processing job to its end; keywords go into the request."""

    def run(script: str, arguments: Sequence[str] = (), wait: bool = True, **request: Any) -> Any:
        name = request.pop("ProcessingJobName", f"p-{time.monotonic_ns()}")
        inside = "/opt/ml/processing/input/code"
        s3.put_object(Bucket=SCRIPTS, Key=f"code/{name}/run.py", Body=script.encode())
        code = {"S3Uri": f"s3://{SCRIPTS}/code/{name}/", "LocalPath": inside, "S3DataType": "S3Prefix"}
        given = [{"InputName": "code", "S3Input": code}, *request.pop("ProcessingInputs", [])]
        application = {"ImageUri": XGBOOST, "ContainerEntrypoint": ["python3", f"{inside}/run.py"]}
        if arguments:
            application["ContainerArguments"] = list(arguments)
        cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10}
        sagemaker.create_processing_job(
            **{
                "ProcessingJobName": name,
                "RoleArn": ROLE,
                "AppSpecification": application,
                "ProcessingInputs": given,
                "ProcessingResources": {"ClusterConfig": cluster},
                **request,
            }
        )
        return sagemaker_job("processing", name) if wait else name

    return run


@pytest.fixture
def make_model(s3: Any, sagemaker: Any) -> Callable[..., str]:
    """A model whose archive has these files; its inference code is code/inference.py."""

    def make(files: Mapping[str, str], **container: Any) -> str:
        name = f"m-{time.monotonic_ns()}"
        network = {
            member: container.pop(member)
            for member in ("EnableNetworkIsolation", "VpcConfig")
            if member in container
        }
        s3.put_object(Bucket=LAKE, Key=f"models/{name}/model.tar.gz", Body=archive(files))
        variables = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
        container = {
            "Image": XGBOOST,
            "ModelDataUrl": f"s3://{LAKE}/models/{name}/model.tar.gz",
            "Environment": variables,
            **container,
        }
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container, **network)
        return name

    return make


@pytest.fixture
def transform(sagemaker: Any, sagemaker_job: Callable[..., dict[str, Any]]) -> Any:
    """Transform s3://lake/<given>/ with a model to its end; keywords go into the request."""

    def run(model: str, given: str, wait: bool = True, **request: Any) -> Any:
        name = f"b-{time.monotonic_ns()}"
        source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{LAKE}/{given}/"}}
        sagemaker.create_transform_job(
            **{
                "TransformJobName": name,
                "ModelName": model,
                "TransformInput": {"DataSource": source, "ContentType": "application/x-parquet"},
                "TransformOutput": {
                    "S3OutputPath": f"s3://{LAKE}/out/{name}",
                    "Accept": "application/x-parquet",
                },
                "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
                **request,
            }
        )
        return sagemaker_job("transform", name) if wait else name

    return run


@pytest.fixture
def objects(s3: Any) -> Callable[[str], dict[str, bytes]]:
    """The objects below a folder of the lake, by their names in it."""

    def read(folder: str) -> dict[str, bytes]:
        found = s3.list_objects_v2(Bucket=LAKE, Prefix=f"{folder}/").get("Contents", [])
        return {
            item["Key"].removeprefix(f"{folder}/"): s3.get_object(Bucket=LAKE, Key=item["Key"])["Body"].read()
            for item in found
        }

    return read
