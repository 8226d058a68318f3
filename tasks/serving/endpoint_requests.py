"""What an endpoint is made of: names and requests, derived from the versions, so that a repetition makes the same."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deployments.names import CHALLENGER, CHAMPION
from tasks.models.model_jobs import ISOLATED
from tasks.models.model_registry import ModelVersion
from tasks.settings import settings

JSON = "application/json"
_LONGEST_NAME = 63
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",  # a few records need no second thread, and waiting for one takes longer than they do
    "SAGEMAKER_PROGRAM": "inference.py",
    "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
}


@dataclass(frozen=True)
class Config:
    """An endpoint configuration: its name says what is in it."""

    name: str
    request: Mapping[str, Any]


def model_name(version: int) -> str:
    return f"{settings().endpoint}-live-v{version}"


def version_of(model: str) -> int | None:
    """The version of a model that we made, or None."""
    found = re.fullmatch(rf"{re.escape(settings().endpoint)}-live-v(\d+)", model)
    return int(found[1]) if found else None


def champion_of_solo(config: str) -> int | None:
    """The version of a configuration of ours that has a champion alone, or None."""
    found = re.fullmatch(rf"{re.escape(settings().endpoint)}-v(\d+)-[0-9a-f]{{8}}", config)
    return int(found[1]) if found else None


def is_ours(config: str) -> bool:
    return bool(re.fullmatch(rf"{re.escape(settings().endpoint)}-v\d+(-v\d+)?-[0-9a-f]{{8}}", config))


def captured_folder() -> str:
    return f"s3://{settings().artifacts_bucket}/endpoints/captured"


def model_request(version: ModelVersion) -> dict[str, Any]:
    return {
        "ModelName": model_name(version.number),
        "ExecutionRoleArn": settings().sagemaker_role,
        "PrimaryContainer": {
            "Image": version.image,
            "ModelDataUrl": version.model_data,
            "Environment": _ENVIRONMENT,
        },
        **ISOLATED,
    }


def config_of(champion: int, challenger: int | None = None, weight: float = 0.0) -> Config:
    """The configuration with these versions. Without a challenger the champion has all traffic."""
    weights = {CHAMPION: (champion, 1.0)}
    if challenger is not None:
        weights = {CHAMPION: (champion, round(1 - weight, 6)), CHALLENGER: (challenger, weight)}
    request: dict[str, Any] = {
        "ProductionVariants": [_variant(name, *wanted) for name, wanted in weights.items()],
        "DataCaptureConfig": {
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": captured_folder(),
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"JsonContentTypes": [JSON]},
            **_key(),
        },
        **_key(),
    }
    digest = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:8]
    versions = f"v{champion}" if challenger is None else f"v{champion}-v{challenger}"
    name = f"{settings().endpoint}-{versions}-{digest}"
    if len(name) > _LONGEST_NAME:
        raise ValueError(f"{name} is longer than the {_LONGEST_NAME} characters that SageMaker takes")
    return Config(name, {"EndpointConfigName": name, **request})


def _variant(name: str, version: int, weight: float) -> dict[str, Any]:
    return {
        "VariantName": name,
        "ModelName": model_name(version),
        "InitialInstanceCount": 1,
        "InstanceType": settings().endpoint_instance,
        "InitialVariantWeight": weight,
    }


def _key() -> dict[str, str]:
    """The configured KMS key, if any, for the captured data and for the instances' disks."""
    return {"KmsKeyId": settings().kms_key} if settings().kms_key else {}
