"""Models and model packages, corrected where moto loses or replaces what AWS keeps."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from moto.core.responses import ActionResult
from moto.sagemaker.responses import SageMakerResponse

from local.aws.actions import Action, Overrides, refused
from local.aws.sagemaker.requests import check_name, check_vpc, refuse

_ENTRIES_MOST, _NAME_MOST, _VALUE_MOST = 50, 128, 256
_METADATA = re.compile(r"[\w\s.:/=+@-]*")
MODEL_NOT_FOUND = 'Could not find model "{}".'


@dataclass(frozen=True)
class Container:
    """The parts of a model that a batch transform or an endpoint needs."""

    image: str
    model_data: str
    environment: Mapping[str, str]
    offline: bool
    """Whether the model has no network (EnableNetworkIsolation)."""


def install(overrides: Overrides) -> None:
    overrides.wrap(SageMakerResponse, "create_model", _create_model_once)
    overrides.wrap(SageMakerResponse, "create_model_package_group", _create_group_once)
    overrides.wrap(SageMakerResponse, "create_model_package", _create_pending)
    overrides.wrap(SageMakerResponse, "update_model_package", _update_what_is_given)


def container_of(response: Any, model_name: str) -> Container:
    model = response.sagemaker_backend._models.get(model_name)
    if model is None:
        raise refused("ValidationException", MODEL_NOT_FOUND.format(model_name))
    containers = [model.primary_container] if model.primary_container else model.containers
    if len(containers) != 1:
        refuse(f"runs models of one container, and {model_name} has {len(containers)}")
    return _resolved(response, containers[0], offline=model.enable_network_isolation)


def _resolved(response: Any, container: Mapping[str, Any], *, offline: bool) -> Container:
    """Resolve a container. It may name a model package, which then provides the image and the model."""
    packaged: Mapping[str, Any] = {}
    if "ModelPackageName" in container:
        package = response.sagemaker_backend.describe_model_package(container["ModelPackageName"])
        specification = package.inference_specification or {}
        if len(specification.get("Containers") or []) != 1:
            refuse(f"runs model packages of one container only, unlike {container['ModelPackageName']}")
        packaged = specification["Containers"][0]
    whole = {**packaged, **container}
    environment = {**(packaged.get("Environment") or {}), **(container.get("Environment") or {})}
    if whole.get("Mode", "SingleModel") != "SingleModel":
        refuse(f"runs one model per container, and not Mode {whole['Mode']}")
    return Container(whole.get("Image", ""), _model_data(whole), environment, offline)


def _model_data(container: Mapping[str, Any]) -> str:
    source = (container.get("ModelDataSource") or {}).get("S3DataSource")
    if source is None:
        return str(container.get("ModelDataUrl", ""))
    if (source.get("S3DataType"), source.get("CompressionType")) != ("S3Object", "Gzip"):
        refuse("takes a model as one model.tar.gz (S3Object, Gzip)")
    return str(source["S3Uri"])


def _create_model_once(create: Action) -> Action:
    def create_model(response: Any) -> Any:
        request = json.loads(response.body)
        name = request["ModelName"]
        check_name("ModelName", name)
        check_vpc(request.get("VpcConfig"))
        known = response.sagemaker_backend._models.get(name)
        if known is not None:
            raise refused("ValidationException", f'Cannot create already existing model "{known.arn}".')
        answer = create(response)
        made = response.sagemaker_backend._models[name]
        made.enable_network_isolation = bool(request.get("EnableNetworkIsolation"))  # moto forgets it
        return answer

    return create_model


def _create_group_once(create: Action) -> Action:
    def create_group(response: Any) -> Any:
        name = json.loads(response.body)["ModelPackageGroupName"]
        check_name("ModelPackageGroupName", name)
        known = response.sagemaker_backend.model_package_groups.get(name)
        if known is not None:
            raise refused("ValidationException", f"Model Package Group already exists: {known.arn}")
        return create(response)

    return create_group


def _create_pending(create: Action) -> Action:
    """Give each version a status, and answer a repeated ClientToken with the existing version, as AWS does."""
    lock = threading.Lock()

    def create_package(response: Any) -> Any:
        request = json.loads(response.body)
        with lock:
            known = _made_with(response, request.get("ClientToken"))
            if known is not None:
                return ActionResult({"ModelPackageArn": known})
            if "ModelPackageGroupName" in request:
                response.params.setdefault("ModelApprovalStatus", "PendingManualApproval")
            return create(response)

    return create_package


def _made_with(response: Any, token: str | None) -> str | None:
    packages = response.sagemaker_backend.model_packages.values()
    made = (package.arn for package in packages if token is not None and package.client_token == token)
    return next(made, None)


def _update_what_is_given(update: Action) -> Action:
    """Keep what the request leaves out. moto would clear it, including the approval."""

    def update_package(response: Any) -> Any:
        request = response.params
        package = response.sagemaker_backend.describe_model_package(request["ModelPackageArn"])
        request.setdefault("ModelApprovalStatus", package.model_approval_status)
        request.setdefault("ApprovalDescription", package.approval_description)
        properties = package.customer_metadata_properties or {}
        properties = {**properties, **request.get("CustomerMetadataProperties", {})}
        _check_metadata(properties, request.get("CustomerMetadataPropertiesToRemove") or ())
        request["CustomerMetadataProperties"] = properties
        return update(response)

    return update_package


def _check_metadata(properties: Mapping[str, str], removed: Iterable[str]) -> None:
    kept = {name: value for name, value in properties.items() if name not in set(removed)}
    if len(kept) > _ENTRIES_MOST:
        raise refused(
            "ValidationException", f"Model package has more than {_ENTRIES_MOST} entries of metadata"
        )
    for name, value in kept.items():
        if len(name) > _NAME_MOST or len(value) > _VALUE_MOST or not _METADATA.fullmatch(name + value):
            raise refused("ValidationException", f"Value '{value}' of '{name}' failed to satisfy constraint")
