"""What the endpoint is at this moment, as SageMaker tells it. Every step begins here, so that it can be repeated."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from deployments.names import CHALLENGER, CHAMPION
from tasks.errors import SystemFault, aws_failures
from tasks.events import log
from tasks.services import aws
from tasks.serving.endpoint_requests import version_of
from tasks.settings import settings

IN_SERVICE, FAILED, DELETING = "InService", "Failed", "Deleting"
_MOVING = ("Creating", "Updating", "SystemUpdating", "RollingBack", DELETING)
_SECONDS_MOST = 3600.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 15.0


@dataclass(frozen=True)
class Serving:
    """An endpoint that nothing changes right now. `since`: when its last change ended."""

    status: str
    config: str
    versions: dict[str, int]
    weights: dict[str, float]
    since: datetime
    reason: str

    @property
    def champion(self) -> int:
        return self.versions[CHAMPION]

    @property
    def challenger(self) -> int | None:
        return self.versions.get(CHALLENGER)


def settled() -> Serving | None:
    """The endpoint once no change is under way, or None if there is no endpoint."""
    name, pause = settings().endpoint, _FIRST_PAUSE
    deadline = time.monotonic() + _SECONDS_MOST
    while True:
        found = _described(name)
        if found is None:
            return None
        status = found["EndpointStatus"]
        if status not in _MOVING:
            return _serving(name, found)
        if time.monotonic() > deadline:
            raise SystemFault(
                f"Endpoint {name} is still {status} after {_SECONDS_MOST / 60:.0f} minutes. See its events in the SageMaker "
                "console; the next run takes it up as it then is."
            )
        if pause == _FIRST_PAUSE:
            log("waiting for the endpoint", endpoint=name, status=status)
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def _serving(name: str, found: dict[str, Any]) -> Serving:
    status = found["EndpointStatus"]
    if status not in (IN_SERVICE, FAILED):
        raise SystemFault(
            f"Endpoint {name} is {status}: {found.get('FailureReason', 'no reason given')}. Repair it by hand, or delete "
            "it: then the next run deploys anew."
        )
    return Serving(
        status=status,
        config=found["EndpointConfigName"],
        versions=_versions(name, found["EndpointConfigName"]),
        weights={
            v["VariantName"]: float(v.get("CurrentWeight", 0)) for v in found.get("ProductionVariants", [])
        },
        since=found["LastModifiedTime"],
        reason=found.get("FailureReason", ""),
    )


def _described(name: str) -> dict[str, Any] | None:
    with aws_failures(f"looking at endpoint {name}"):
        try:
            return dict(aws.sagemaker().describe_endpoint(EndpointName=name))
        except ClientError as error:
            if is_missing(error):
                return None
            raise


def _versions(endpoint: str, config: str) -> dict[str, int]:
    with aws_failures(f"reading endpoint configuration {config}"):
        variants = aws.sagemaker().describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
    found = {v["VariantName"]: version_of(v.get("ModelName", "")) for v in variants}
    ours = {name: version for name, version in found.items() if version is not None}
    if CHAMPION not in ours or len(ours) != len(found):
        raise SystemFault(
            f"Endpoint {endpoint} has the configuration {config}, which no run of ours made (variants "
            f"{', '.join(sorted(found))}). Delete the endpoint, or set HIGHWATER_ENDPOINT to another name."
        )
    return ours


def is_missing(error: ClientError) -> bool:
    return "could not find" in error.response["Error"].get("Message", "").lower()
