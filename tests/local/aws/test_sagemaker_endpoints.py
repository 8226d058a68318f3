"""Endpoints load registered models, keep them warm, and answer one request at a time by weight or by name."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

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
