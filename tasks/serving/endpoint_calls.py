"""The calls that change the endpoint. Each says whether it was taken: refused is what another run got first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from tasks.errors import SystemFault, aws_failures
from tasks.events import log
from tasks.models.model_registry import ModelVersion
from tasks.services import aws
from tasks.serving.endpoint_requests import Config, model_request
from tasks.settings import settings

_EXISTS = "already exist"
_IN_PROGRESS = "in-progress"
_MISSING = "could not find"


def create_model(version: ModelVersion) -> str:
    """Create the SageMaker model of a version, unless it exists. Returns its name."""
    request = model_request(version)
    name = str(request["ModelName"])
    created = _taken(
        f"creating SageMaker model {name}", lambda: aws.sagemaker().create_model(**request), _EXISTS
    )
    if not created:
        with aws_failures(f"reading SageMaker model {name}"):
            known = aws.sagemaker().describe_model(ModelName=name)["PrimaryContainer"]
        if known.get("ModelDataUrl") != version.model_data:
            raise SystemFault(
                f"SageMaker model {name} is of {known.get('ModelDataUrl')}, and version {version.number} of "
                f"{version.model_data}. Delete the model if no endpoint uses it, then run again."
            )
    return name


def create_config(config: Config) -> bool:
    return _taken(
        f"creating endpoint configuration {config.name}",
        lambda: aws.sagemaker().create_endpoint_config(**config.request),
        _EXISTS,
    )


def create_endpoint(config: Config) -> bool:
    name = settings().endpoint
    return _taken(
        f"creating endpoint {name}",
        lambda: aws.sagemaker().create_endpoint(EndpointName=name, EndpointConfigName=config.name),
        _EXISTS,
    )


def update_endpoint(config: Config) -> bool:
    """Variants of the same name keep the instances that scaling gave them; the weights are the configuration's."""
    name = settings().endpoint
    taken = _taken(
        f"updating endpoint {name} to {config.name}",
        lambda: aws.sagemaker().update_endpoint(
            EndpointName=name,
            EndpointConfigName=config.name,
            RetainAllVariantProperties=True,
            ExcludeRetainedVariantProperties=[
                {"VariantPropertyType": "DesiredWeight"},
                {"VariantPropertyType": "DataCaptureConfig"},
            ],
        ),
        _IN_PROGRESS,
    )
    log("endpoint updated" if taken else "another update is in progress", endpoint=name, config=config.name)
    return taken


def weigh(weights: Mapping[str, float]) -> bool:
    name = settings().endpoint
    return _taken(
        f"setting the weights of endpoint {name}",
        lambda: aws.sagemaker().update_endpoint_weights_and_capacities(
            EndpointName=name,
            DesiredWeightsAndCapacities=[
                {"VariantName": variant, "DesiredWeight": weight} for variant, weight in weights.items()
            ],
        ),
        _IN_PROGRESS,
    )


def delete_endpoint() -> bool:
    name = settings().endpoint
    return _taken(
        f"deleting endpoint {name}",
        lambda: aws.sagemaker().delete_endpoint(EndpointName=name),
        _IN_PROGRESS,
        _MISSING,
    )


def delete_config(name: str) -> bool:
    return _taken(
        f"deleting endpoint configuration {name}",
        lambda: aws.sagemaker().delete_endpoint_config(EndpointConfigName=name),
        _MISSING,
    )


def delete_model(name: str) -> bool:
    return _taken(
        f"deleting SageMaker model {name}",
        lambda: aws.sagemaker().delete_model(ModelName=name),
        _MISSING,
    )


def _taken(doing: str, call: Callable[[], Any], *refusals: str) -> bool:
    with aws_failures(doing):
        try:
            call()
        except ClientError as error:
            message = error.response["Error"].get("Message", "").lower()
            if not any(refusal in message for refusal in refusals):
                raise
            return False
    return True
