"""Endpoints load registered models, keep them warm, and answer one request at a time by weight or by name."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from local.aws.processes import marked
from local.aws.server import LocalAws
from local.process_trees import is_alive
from tests.local.aws.conftest import LAKE

PLUS = """
import json, os, pathlib

class BadRequest(ValueError):
    status_code = 422

def model_fn(model_dir):
    return json.loads(pathlib.Path(model_dir, "model.json").read_text())["add"]

def input_fn(body, content_type):
    rows = json.loads(body)["instances"]
    for row in rows:
        if row.get("x") == "die":
            os._exit(9)
        if row.get("x") == "fall":
            raise RuntimeError("fell")
        if not isinstance(row.get("x"), (int, float)):
            raise BadRequest(f"column x: {row.get('x')!r} is not a number")
    return rows

def predict_fn(rows, add):
    return {"predictions": [{"probability": row["x"] + add} for row in rows], "pid": os.getpid()}

def output_fn(answer, accept):
    return json.dumps(answer), accept
"""
ONE = {"instances": [{"x": 1}]}
NOTHING = "def input_fn(b, c): ...\ndef predict_fn(r, m): ...\ndef output_fn(a, c): ...\n"
SERVER_OF_ITS_OWN = """
import json, sys, time
from pathlib import Path
from local.aws.server import LocalAws
from tests.local.aws.conftest import LAKE, REGION, ROLE, XGBOOST, archive, client
from tests.local.aws.test_sagemaker_endpoints import PLUS

server = LocalAws(port=0, state=Path(sys.argv[1]), stop_grace=1.0)
server.start()
s3, sagemaker = client(server, "s3"), client(server, "sagemaker")
s3.create_bucket(Bucket=LAKE, CreateBucketConfiguration={"LocationConstraint": REGION})
s3.put_object(Bucket=LAKE, Key="m.tar.gz", Body=archive({"model.json": '{"add": 1}', "code/inference.py": PLUS}))
variables = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
container = {"Image": XGBOOST, "ModelDataUrl": f"s3://{LAKE}/m.tar.gz", "Environment": variables}
sagemaker.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer=container)
variant = {"VariantName": "a", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
while sagemaker.describe_endpoint(EndpointName="e")["EndpointStatus"] != "InService":
    time.sleep(0.05)
print("up", flush=True)
sys.stdin.readline()
server.stop()
"""


@pytest.fixture(scope="session")
def runtime(service: Callable[[str], Any]) -> Any:
    return service("sagemaker-runtime")


@pytest.fixture
def plus(make_model: Any) -> Callable[[float], str]:
    """A model that adds a number."""

    def make(add: float) -> str:
        name: str = make_model({"model.json": json.dumps({"add": add}), "code/inference.py": PLUS})
        return name

    return make


@pytest.fixture
def names(sagemaker: Any) -> Iterator[Callable[[str], str]]:
    """Names of endpoints that are deleted at the end of the test."""
    made: list[str] = []

    def name(prefix: str = "e") -> str:
        made.append(f"{prefix}-{time.monotonic_ns()}")
        return made[-1]

    yield name
    for endpoint in made:
        for _ in range(600):
            try:
                sagemaker.delete_endpoint(EndpointName=endpoint)
            except ClientError as error:
                if "in-progress" not in str(error):
                    break
            time.sleep(0.05)


@pytest.fixture
def config(sagemaker: Any) -> Callable[..., str]:
    def make(variants: dict[str, tuple[str, float]], **request: Any) -> str:
        name = f"c-{time.monotonic_ns()}"
        sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[
                {
                    "VariantName": variant,
                    "ModelName": model,
                    "InitialInstanceCount": 1,
                    "InstanceType": "ml.m5.large",
                    "InitialVariantWeight": weight,
                }
                for variant, (model, weight) in variants.items()
            ],
            **request,
        )
        return name

    return make


@pytest.fixture
def settled(sagemaker: Any) -> Callable[..., dict[str, Any]]:
    def wait(name: str, seconds: float = 90) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while True:
            found: dict[str, Any] = sagemaker.describe_endpoint(EndpointName=name)
            if found["EndpointStatus"] in ("InService", "Failed"):
                return found
            assert time.monotonic() < deadline, f"still {found['EndpointStatus']} after {seconds} s"
            time.sleep(0.05)

    return wait


@pytest.fixture
def endpoint(sagemaker: Any, config: Any, names: Any, settled: Any) -> Callable[..., str]:
    """An endpoint in service, with these variants."""

    def make(variants: dict[str, tuple[str, float]], **request: Any) -> str:
        name: str = names()
        created = sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config(variants, **request))
        assert created["EndpointArn"].endswith(f":endpoint/{name}")
        assert settled(name)["EndpointStatus"] == "InService", settled(name)
        return name

    return make


@pytest.fixture
def ask(runtime: Any) -> Callable[..., dict[str, Any]]:
    def ask(name: str, body: Any = ONE, **request: Any) -> dict[str, Any]:
        answer = runtime.invoke_endpoint(
            EndpointName=name,
            ContentType="application/json",
            Accept="application/json",
            Body=json.dumps(body).encode(),
            **request,
        )
        return {**json.loads(answer["Body"].read()), "variant": answer["InvokedProductionVariant"]}

    return ask


def test_a_model_is_served(endpoint: Any, plus: Any, ask: Any, sagemaker: Any, runtime: Any) -> None:
    name = endpoint({"champion": (plus(10), 1.0)})

    answer = runtime.invoke_endpoint(
        EndpointName=name,
        ContentType="application/json",
        Accept="application/json",
        Body=b'{"instances":[{"x":1}]}',
    )
    assert answer["ContentType"] == "application/json"
    assert answer["InvokedProductionVariant"] == "champion"
    assert json.loads(answer["Body"].read())["predictions"] == [{"probability": 11}]


def test_traffic_goes_by_weight_and_by_name(
    endpoint: Any, plus: Any, ask: Any, sagemaker: Any, settled: Any
) -> None:
    name = endpoint({"champion": (plus(10), 3.0), "challenger": (plus(20), 1.0)})

    answers = [ask(name) for _ in range(400)]
    found = Counter(answer["variant"] for answer in answers)
    assert 60 <= found["challenger"] <= 140, found  # 100 expected, 4.6 standard deviations each way
    by_variant = {answer["variant"]: answer["predictions"][0]["probability"] for answer in answers}
    assert by_variant == {"champion": 11, "challenger": 21}
    assert ask(name, TargetVariant="challenger")["variant"] == "challenger"

    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[
            {"VariantName": "champion", "DesiredWeight": 1},
            {"VariantName": "challenger", "DesiredWeight": 0},
        ],
    )
    described = settled(name)
    weights = {
        v["VariantName"]: (v["CurrentWeight"], v["DesiredWeight"]) for v in described["ProductionVariants"]
    }
    assert weights == {"champion": (1, 1), "challenger": (0, 0)}
    assert {ask(name)["variant"] for _ in range(50)} == {"champion"}
    assert ask(name, TargetVariant="challenger")["predictions"] == [{"probability": 21}]


def test_the_models_error_is_the_callers_with_its_column(endpoint: Any, plus: Any, runtime: Any) -> None:
    name = endpoint({"champion": (plus(10), 1.0)})

    def error(x: Any, **request: Any) -> dict[str, Any]:
        with pytest.raises(ClientError) as raised:
            runtime.invoke_endpoint(
                **{
                    "EndpointName": name,
                    "ContentType": "application/json",
                    "Body": json.dumps({"instances": [{"x": x}]}),
                    **request,
                }
            )
        response: dict[str, Any] = raised.value.response
        return response

    refused = error("one")
    assert refused["Error"]["Code"] == "ModelError"
    assert refused["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert (refused["OriginalStatusCode"], refused["OriginalMessage"]) == (
        422,
        "column x: 'one' is not a number",
    )
    assert (
        "Received client error (422) from primary with message \"column x: 'one' is"
        in refused["Error"]["Message"]
    )
    broken = error("fall")
    assert (broken["OriginalStatusCode"], broken["OriginalMessage"]) == (500, "RuntimeError: fell")
    assert error(1, Body=b"\xff")["OriginalStatusCode"] == 400
    missing = error(1, EndpointName="nobody")["Error"]
    assert (missing["Code"], missing["Message"]) == (
        "ValidationError",
        "Endpoint nobody of account 123456789012 not found.",
    )
    assert error(1, TargetVariant="other")["Error"]["Code"] == "ValidationError"
    assert error(1, TargetModel="other.tar.gz")["Error"]["Code"] == "InvalidAction"
    too_much = error(1, Body=b" " * 6_291_457)
    assert too_much["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert "exceeded 6291456 bytes" in too_much["Error"]["Message"]
    assert error("fall")["OriginalStatusCode"] == 500  # the connection is still good


class Traffic:
    """Requests all the time, from two threads; each answer or error is kept."""

    def __init__(self, ask: Callable[..., Any], name: str) -> None:
        self.found: list[Any] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(ask, name)) for _ in range(2)]

    def _send(self, ask: Callable[..., Any], name: str) -> None:
        while not self._over.is_set():
            try:
                self.found.append(ask(name)["predictions"][0]["probability"])
            except ClientError as error:
                self.found.append(error)

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, more: int) -> None:
        enough, deadline = len(self.found) + more, time.monotonic() + 60
        while len(self.found) < enough:
            assert time.monotonic() < deadline, self.found[-5:]
            time.sleep(0.02)


def test_an_update_has_no_gap(
    endpoint: Any, plus: Any, ask: Any, config: Any, sagemaker: Any, settled: Any, aws: LocalAws
) -> None:
    name = endpoint({"champion": (plus(10), 1.0)})
    with Traffic(ask, name) as traffic:
        traffic.wait_for(20)
        new = config({"champion": (plus(20), 1.0), "challenger": (plus(30), 0.0)})
        sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new)
        described = sagemaker.describe_endpoint(EndpointName=name)
        assert described["EndpointStatus"] == "Updating"
        for call in (
            lambda: sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new),
            lambda: sagemaker.delete_endpoint(EndpointName=name),
        ):
            with pytest.raises(ClientError, match=f'Cannot update in-progress endpoint ".*{name}"'):
                call()
        described = settled(name)
        traffic.wait_for(20)
    assert described["EndpointConfigName"] == new
    assert {v["VariantName"]: v["CurrentWeight"] for v in described["ProductionVariants"]} == {
        "champion": 1,
        "challenger": 0,
    }
    switched = traffic.found.index(21)
    assert set(traffic.found[:switched]) == {11}
    assert set(traffic.found[switched + 2 :]) == {21}  # two threads: one old answer may come last
    assert len(processes_of(aws, name)) == 2


def test_a_model_that_can_not_be_loaded_is_rolled_back(
    endpoint: Any,
    plus: Any,
    ask: Any,
    config: Any,
    make_model: Any,
    sagemaker: Any,
    settled: Any,
    names: Any,
    aws: LocalAws,
) -> None:
    broken = make_model(
        {"code/inference.py": "def model_fn(d):\n    raise OSError('no such tree')\n" + NOTHING}
    )
    name = endpoint({"champion": (plus(10), 1.0)})
    before = sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"]
    with Traffic(ask, name) as traffic:
        traffic.wait_for(10)
        bad = config({"champion": (plus(20), 1.0), "challenger": (broken, 1.0)})
        sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=bad)
        described = settled(name)
        traffic.wait_for(10)
    assert set(traffic.found) == {11}
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", before)
    assert "production variant challenger did not pass the ping health check" in described["FailureReason"]
    assert "OSError: no such tree" in described["FailureReason"]
    assert len(processes_of(aws, name)) == 1

    alone = names()
    sagemaker.create_endpoint(EndpointName=alone, EndpointConfigName=config({"champion": (broken, 1.0)}))
    described = settled(alone)
    assert (described["EndpointStatus"], "no such tree" in described["FailureReason"]) == ("Failed", True)
    with pytest.raises(ClientError, match="can only be deleted"):
        sagemaker.update_endpoint(EndpointName=alone, EndpointConfigName=before)
    with pytest.raises(ClientError, match="not found"):
        ask(alone)


def test_a_crash_is_the_variants_own(endpoint: Any, plus: Any, ask: Any, sagemaker: Any) -> None:
    name = endpoint({"champion": (plus(10), 1.0), "challenger": (plus(20), 0.0)})
    first = ask(name, TargetVariant="challenger")["pid"]

    with pytest.raises(ClientError) as raised:
        ask(name, {"instances": [{"x": "die"}]}, TargetVariant="challenger")
    assert raised.value.response["Error"]["Code"] == "ModelError"
    assert raised.value.response["OriginalStatusCode"] == 0
    assert [ask(name)["predictions"] for _ in range(20)] == [[{"probability": 11}]] * 20

    again, errors = None, set()
    deadline = time.monotonic() + 60
    while again is None and time.monotonic() < deadline:
        try:
            again = ask(name, TargetVariant="challenger")
        except ClientError as error:
            errors.add(error.response["OriginalStatusCode"])
            time.sleep(0.05)
    assert errors <= {0, 503}
    assert again is not None
    assert (again["predictions"], again["pid"] == first) == ([{"probability": 21}], False)
    assert sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService"


def test_captured_data_and_metrics(
    endpoint: Any, plus: Any, ask: Any, objects: Any, service: Callable[[str], Any], runtime: Any
) -> None:
    name = endpoint(
        {"champion": (plus(10), 1.0), "challenger": (plus(20), 0.0)},
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": f"s3://{LAKE}/captured",
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
        },
    )
    since = datetime.now(UTC)
    for number in range(3):
        ask(name, InferenceId=f"i-{number}")
    with pytest.raises(ClientError):
        ask(name, {"instances": [{"x": "fall"}]})
    with pytest.raises(ClientError):
        ask(name, {"instances": [{}]})
    ask(name, TargetVariant="challenger")
    runtime.invoke_endpoint(
        EndpointName=name,
        TargetVariant="challenger",
        ContentType="text/csv",
        Accept="text/csv",
        Body=json.dumps(ONE),
    )

    lines = captured_lines(objects, f"captured/{name}/champion", 3)
    assert [line["eventMetadata"]["inferenceId"] for line in lines] == ["i-0", "i-1", "i-2"]
    sides = lines[0]["captureData"]
    assert sides["endpointInput"] == {
        "observedContentType": "application/json",
        "mode": "INPUT",
        "data": json.dumps(ONE),
        "encoding": "JSON",
    }
    assert sides["endpointOutput"]["mode"] == "OUTPUT"
    assert json.loads(sides["endpointOutput"]["data"])["predictions"] == [{"probability": 11}]
    at = datetime.strptime(lines[0]["eventMetadata"]["inferenceTime"], "%Y-%m-%dT%H:%M:%SZ").replace(
        tzinfo=UTC
    )
    assert since - timedelta(seconds=1) <= at <= datetime.now(UTC)
    assert lines[0]["eventVersion"] == "0"
    (key, *_) = objects(f"captured/{name}/champion")
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\d\d/\d\d-\d\d-\d{3}-[-0-9a-f]{36}\.jsonl", key)
    csv = captured_lines(objects, f"captured/{name}/challenger", 2)[1]["captureData"]["endpointInput"]
    assert (csv["encoding"], base64.b64decode(csv["data"])) == ("BASE64", json.dumps(ONE).encode())

    cloudwatch = service("cloudwatch")
    figures = {
        (variant, metric): sum(metric_values(cloudwatch, name, variant, metric, since, "Sum"))
        for variant in ("champion", "challenger")
        for metric in ("Invocations", "Invocation4XXErrors", "Invocation5XXErrors")
    }
    assert figures == {
        ("champion", "Invocations"): 5,
        ("champion", "Invocation4XXErrors"): 1,
        ("champion", "Invocation5XXErrors"): 1,
        ("challenger", "Invocations"): 2,
        ("challenger", "Invocation4XXErrors"): 0,
        ("challenger", "Invocation5XXErrors"): 0,
    }
    (latency,) = metric_values(cloudwatch, name, "champion", "ModelLatency", since, "Average")
    assert 50 < latency < 5_000_000  # microseconds


def test_a_sample_is_captured(endpoint: Any, plus: Any, ask: Any, objects: Any) -> None:
    name = endpoint(
        {"champion": (plus(10), 1.0)},
        DataCaptureConfig={
            "InitialSamplingPercentage": 25,
            "DestinationS3Uri": f"s3://{LAKE}/sampled/",
            "CaptureOptions": [{"CaptureMode": "Output"}],
        },
    )
    for _ in range(400):
        ask(name)
    time.sleep(2.5)
    lines = captured_lines(objects, f"sampled/{name}/champion", 1)
    assert 60 <= len(lines) <= 140
    assert {tuple(line["captureData"]) for line in lines} == {("endpointOutput",)}


def test_an_endpoint_that_is_deleted_leaves_no_process(
    endpoint: Any, plus: Any, ask: Any, sagemaker: Any, aws: LocalAws
) -> None:
    name = endpoint({"champion": (plus(10), 1.0), "challenger": (plus(20), 1.0)})
    assert len(processes_of(aws, name)) == 2
    sagemaker.delete_endpoint(EndpointName=name)
    deadline = time.monotonic() + 30
    while name in {e["EndpointName"] for e in sagemaker.list_endpoints(NameContains=name)["Endpoints"]}:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert processes_of(aws, name) == []
    with pytest.raises(ClientError, match=f'Could not find endpoint "arn:aws:sagemaker:.*{name}"'):
        sagemaker.describe_endpoint(EndpointName=name)


def test_a_stopped_and_a_killed_server_leave_no_process(tmp_path: Path) -> None:
    for end in ("stop", "kill"):
        state = tmp_path / end
        server = subprocess.Popen(
            [sys.executable, "-c", SERVER_OF_ITS_OWN, str(state)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert server.stdout is not None
        assert b"up\n" in iter(server.stdout.readline, b"")
        mark = f"{state.resolve()}:Endpoint/"
        assert len(marked(lambda found, mark=mark: found.startswith(mark))) == 1
        if end == "stop":
            server.communicate(b"stop\n", timeout=60)
            assert server.returncode == 0
            assert marked(lambda found, mark=mark: found.startswith(mark)) == set()
        else:
            server.kill()
            server.wait()
            deadline = time.monotonic() + 20
            while marked(lambda found, mark=mark: found.startswith(mark)):
                assert time.monotonic() < deadline
                time.sleep(0.1)


def test_what_aws_refuses_and_what_is_not_here(
    plus: Any, config: Any, sagemaker: Any, endpoint: Any, make_model: Any
) -> None:
    model = plus(1)
    name = endpoint({"champion": (model, 1.0)})
    known = sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"]
    variant = {
        "VariantName": "a",
        "ModelName": model,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }

    def refused(match: str, call: Callable[..., Any], **request: Any) -> None:
        with pytest.raises(ClientError, match=match):
            call(**request)

    def refused_config(match: str, *variants: dict[str, Any], **request: Any) -> None:
        given = {
            "EndpointConfigName": f"c-{time.monotonic_ns()}",
            "ProductionVariants": list(variants),
            **request,
        }
        refused(match, sagemaker.create_endpoint_config, **given)

    refused_config("Cannot create already existing endpoint configuration", variant, EndpointConfigName=known)
    refused_config('Could not find model "nobody"', {**variant, "ModelName": "nobody"})
    refused_config("must be unique. Repeated: a", variant, variant)
    refused_config(
        "AsyncInferenceConfig", variant, AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": "s3://a/b"}}
    )
    refused_config(
        "ShadowProductionVariants", variant, ShadowProductionVariants=[{**variant, "VariantName": "b"}]
    )
    serverless = {"MemorySizeInMB": 1024, "MaxConcurrency": 1}
    refused_config(
        "ServerlessConfig", {"VariantName": "a", "ModelName": model, "ServerlessConfig": serverless}
    )
    refused_config("inference components", {k: v for k, v in variant.items() if k != "ModelName"})
    refused_config("Mode MultiModel", {**variant, "ModelName": make_model({"a": "b"}, Mode="MultiModel")})
    refused(
        "already existing endpoint", sagemaker.create_endpoint, EndpointName=name, EndpointConfigName=known
    )
    refused(
        "Could not find endpoint configuration",
        sagemaker.create_endpoint,
        EndpointName="other",
        EndpointConfigName="nobody",
    )
    refused(
        'variant name.* "b" is/are not present',
        sagemaker.update_endpoint_weights_and_capacities,
        EndpointName=name,
        DesiredWeightsAndCapacities=[{"VariantName": "b", "DesiredWeight": 1}],
    )
    configs = sagemaker.list_endpoint_configs(NameContains=known)["EndpointConfigs"]
    assert [found["EndpointConfigName"] for found in configs] == [known]
    sagemaker.delete_endpoint_config(EndpointConfigName=known)
    refused("Could not find endpoint config", sagemaker.describe_endpoint_config, EndpointConfigName=known)


def test_an_update_may_keep_the_weights(
    endpoint: Any, plus: Any, config: Any, sagemaker: Any, settled: Any
) -> None:
    name = endpoint({"champion": (plus(1), 0.9), "challenger": (plus(2), 0.1)})
    new = config({"champion": (plus(3), 1.0), "extra": (plus(4), 0.5)})

    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new, RetainAllVariantProperties=True)
    weights = {v["VariantName"]: v["CurrentWeight"] for v in settled(name)["ProductionVariants"]}
    assert weights == {"champion": 0.9, "extra": 0.5}


def captured_lines(objects: Any, folder: str, at_least: int) -> list[dict[str, Any]]:
    """The lines of the captured files in the order of the files, once there are as many."""
    deadline = time.monotonic() + 30
    while True:
        found = objects(folder)
        lines = [json.loads(line) for key in sorted(found) for line in found[key].decode().splitlines()]
        if len(lines) >= at_least:
            return lines
        assert time.monotonic() < deadline, lines
        time.sleep(0.1)


def metric_values(
    cloudwatch: Any, endpoint: str, variant: str, metric: str, since: datetime, stat: str
) -> list[float]:
    dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}]
    asked = {"Namespace": "AWS/SageMaker", "MetricName": metric, "Dimensions": dimensions}
    results = cloudwatch.get_metric_data(
        MetricDataQueries=[{"Id": "m", "MetricStat": {"Metric": asked, "Period": 3600, "Stat": stat}}],
        StartTime=since - timedelta(minutes=1),
        EndTime=datetime.now(UTC) + timedelta(minutes=1),
    )
    values: list[float] = results["MetricDataResults"][0]["Values"]
    return values


def processes_of(aws: LocalAws, endpoint: str) -> list[psutil.Process]:
    """The processes that serve, without the shells that wait for them."""
    found = marked(lambda mark: mark.startswith(f"{aws.state}:Endpoint/{endpoint}/"))
    return [process for process in found if is_alive(process)]
