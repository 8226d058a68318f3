"""Endpoint configurations: kept as they were requested. What the local endpoints can't do is refused here."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker.responses import SageMakerResponse

from local.aws.actions import Overrides, refused
from local.aws.sagemaker import models
from local.aws.sagemaker.images import environment_of
from local.aws.sagemaker.listing import page
from local.aws.sagemaker.model_files import PROGRAM
from local.aws.sagemaker.requests import check_name, refuse

NOT_HERE = ("AsyncInferenceConfig", "ExplainerConfig", "ShadowProductionVariants", "MetricsConfig")
NOT_HERE_IN_A_VARIANT = (
    *("ServerlessConfig", "ManagedInstanceScaling", "InstancePools"),
    *("CapacityReservationConfig", "CoreDumpConfig", "AcceleratorType"),
)
MOST_VARIANTS = 10


@dataclass(frozen=True)
class EndpointConfig:
    name: str
    arn: str
    request: Mapping[str, Any]
    created: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def variants(self) -> list[Mapping[str, Any]]:
        return list(self.request["ProductionVariants"])

    @property
    def weights(self) -> dict[str, float]:
        return {found["VariantName"]: float(found["InitialVariantWeight"]) for found in self.variants}

    @property
    def capture(self) -> Mapping[str, Any] | None:
        """The data capture, if it is enabled."""
        given: Mapping[str, Any] | None = self.request.get("DataCaptureConfig")
        return given if given and given.get("EnableCapture", True) else None

    def description(self) -> dict[str, Any]:
        shown = {name: value for name, value in self.request.items() if name != "Tags"}
        return {**shown, "EndpointConfigArn": self.arn, "CreationTime": self.created}

    def summary(self) -> dict[str, Any]:
        return {
            "EndpointConfigName": self.name,
            "EndpointConfigArn": self.arn,
            "CreationTime": self.created,
        }


class EndpointConfigs:
    """The configurations by name, and their actions."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.by_name: dict[str, EndpointConfig] = {}

    def install(self, overrides: Overrides) -> None:
        overrides.replace(SageMakerResponse, "create_endpoint_config", self._creating())
        overrides.replace(SageMakerResponse, "describe_endpoint_config", self._describing())
        overrides.replace(SageMakerResponse, "list_endpoint_configs", self._listing())
        overrides.replace(SageMakerResponse, "delete_endpoint_config", self._deleting())

    def found(self, response: Any, name: str) -> EndpointConfig:
        config = self.by_name.get(name)
        if config is None:
            arn = arn_of(response, "endpoint-config", name)
            raise refused("ValidationException", f'Could not find endpoint configuration "{arn}".')
        return config

    def _creating(self) -> Any:
        def create(response: Any) -> ActionResult:
            request = json.loads(response.body)
            name = request["EndpointConfigName"]
            check_name("EndpointConfigName", name)
            variants = _checked(response, request)
            arn = arn_of(response, "endpoint-config", name)
            with self._lock:
                if name in self.by_name:
                    raise refused(
                        "ValidationException",
                        f'Cannot create already existing endpoint configuration "{arn}".',
                    )
                self.by_name[name] = EndpointConfig(name, arn, {**request, "ProductionVariants": variants})
            return ActionResult({"EndpointConfigArn": arn})

        return create

    def _describing(self) -> Any:
        def describe(response: Any) -> ActionResult:
            return ActionResult(self.found(response, _named(response)).description())

        return describe

    def _deleting(self) -> Any:
        def delete(response: Any) -> EmptyResult:
            name = _named(response)
            with self._lock:
                self.found(response, name)
                del self.by_name[name]
            return EmptyResult()

        return delete

    def _listing(self) -> Any:
        def list_configs(response: Any) -> ActionResult:
            summaries = [config.summary() for config in list(self.by_name.values())]
            request = {"SortOrder": "Descending", **json.loads(response.body or "{}")}
            found, token = page(summaries, request, "EndpointConfig")
            return ActionResult({"EndpointConfigs": found, **({"NextToken": token} if token else {})})

        return list_configs


def arn_of(response: Any, kind: str, name: str) -> str:
    """The ARN of an endpoint or its configuration. AWS writes the name in lower case."""
    return f"arn:aws:sagemaker:{response.region}:{response.current_account}:{kind}/{name.lower()}"


def _named(response: Any) -> str:
    return str(json.loads(response.body)["EndpointConfigName"])


def _checked(response: Any, request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The variants with their defaults. Refuses what AWS refuses, and what is not supported here."""
    for member in NOT_HERE:
        if request.get(member):
            refuse(f"has endpoints without {member}")
    if request.get("ExecutionRoleArn"):
        refuse("has endpoints of models, not of inference components: ExecutionRoleArn must be left out")
    variants = request["ProductionVariants"]
    if not 1 <= len(variants) <= MOST_VARIANTS:
        raise refused(
            "ValidationException",
            f"An endpoint configuration has 1 to {MOST_VARIANTS} ProductionVariants, and not {len(variants)}.",
        )
    names = [variant["VariantName"] for variant in variants]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise refused(
            "ValidationException",
            f"Production variant names must be unique. Repeated: {', '.join(repeated)}.",
        )
    _check_capture(request.get("DataCaptureConfig"))
    return [_variant(response, variant) for variant in variants]


def _variant(response: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    check_name("VariantName", given["VariantName"])
    for member in NOT_HERE_IN_A_VARIANT:
        if given.get(member):
            refuse(f"has endpoints without {member}")
    if "ModelName" not in given:
        refuse("has endpoints of models, not of inference components: ModelName must be given")
    if "InstanceType" not in given or given.get("InitialInstanceCount", 1) < 1:
        raise refused(
            "ValidationException",
            f"Variant {given['VariantName']} needs an InstanceType and an InitialInstanceCount of at least 1.",
        )
    weight = given.get("InitialVariantWeight", 1.0)
    if weight < 0:
        raise refused("ValidationException", f"InitialVariantWeight must not be negative, and is {weight}.")
    check_model(models.container_of(response, given["ModelName"]), given["ModelName"])
    return {"InitialInstanceCount": 1, **given, "InitialVariantWeight": weight}


def check_model(container: models.Container, name: str) -> None:
    environment_of(container.image)
    if not container.model_data:
        refuse(f"needs a model with ModelDataUrl: {name} has none")
    if PROGRAM not in container.environment:
        refuse(
            f"serves the XGBoost image with a script only: {PROGRAM} in the Environment of {name} names it"
        )


def _check_capture(given: Mapping[str, Any] | None) -> None:
    if given is None:
        return
    if not str(given["DestinationS3Uri"]).startswith("s3://"):
        refuse(f"writes captured data to s3:// only, and not to {given['DestinationS3Uri']!r}")
    if not 0 <= given["InitialSamplingPercentage"] <= 100:
        raise refused(
            "ValidationException",
            f"InitialSamplingPercentage is between 0 and 100, and not {given['InitialSamplingPercentage']}.",
        )
    modes = {option["CaptureMode"] for option in given["CaptureOptions"]}
    if not modes or not modes <= {"Input", "Output", "InputAndOutput"}:
        raise refused("ValidationException", f"CaptureOptions are Input and Output, and not {sorted(modes)}.")
