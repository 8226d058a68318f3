"""One endpoint: its status, the fleet that serves, and the moves from one configuration to the next."""

from __future__ import annotations

import random
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog

from local.aws.sagemaker.endpoint_configs import EndpointConfig
from local.aws.sagemaker.endpoint_fleet import Fleet
from local.aws.sagemaker.endpoint_host import ModelHost

log = structlog.get_logger()

CREATING, UPDATING, IN_SERVICE = "Creating", "Updating", "InService"
DELETING, FAILED = "Deleting", "Failed"
UNDER_WAY = (CREATING, UPDATING, DELETING)
REASON_LIMIT = 1024


class VariantUnknownError(Exception):
    pass


class NotInServiceError(Exception):
    pass


@dataclass(frozen=True)
class Retained:
    """What an update takes over from the endpoint instead of the new configuration."""

    weights: Mapping[str, float] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    capture: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Invoked:
    """What serves one request."""

    variant: str
    host: ModelHost
    capture: Mapping[str, Any] | None


class Endpoint:
    def __init__(self, name: str, arn: str, config: EndpointConfig) -> None:
        self.name = name
        self.arn = arn
        self.created = self.changed = datetime.now(UTC)
        self.status = CREATING
        self._config = config
        self._reason = ""
        self._fleet: Fleet | None = None
        self._coming: Fleet | None = None
        self._weights = config.weights
        self._counts = _counts(config)
        self._capture = config.capture
        self._lock = threading.RLock()
        self.idle = threading.Event()

    @contextmanager
    def invoked(self, target: str | None) -> Iterator[Invoked]:
        """Choose the variant of one request: the target, or one at random by the weights."""
        with ExitStack() as stack:
            with self._lock:
                if self._fleet is None:
                    raise NotInServiceError
                variant = self._chosen() if target is None else target
                if variant not in self._weights:
                    raise VariantUnknownError
                invoked = Invoked(variant, stack.enter_context(self._fleet.serving(variant)), self._capture)
            yield invoked

    def _chosen(self) -> str:
        names, weights = list(self._weights), list(self._weights.values())
        if not any(weights):
            raise NotInServiceError
        return random.choices(names, weights)[0]

    def begin(self, status: str) -> bool:
        """Take the endpoint for a change. Returns False if another one is under way."""
        with self._lock:
            if self.status in UNDER_WAY:
                return False
            self._become(status)
            self.idle.clear()
            return True

    def deploy(self, fleet: Fleet, retained: Retained) -> None:
        """Start the fleet, then let it take over all traffic. If it can't start, what served before goes on."""
        with self._lock:
            if self.status == DELETING:
                return
            self._coming = fleet
        reason = fleet.start()
        before = self._took_over(fleet, retained) if reason is None else fleet
        if before is not None:
            before.drain()
        with self._lock:
            self._coming = None
            self._reason = (reason or "")[:REASON_LIMIT]
            if self.status != DELETING:
                self._become(IN_SERVICE if self._fleet is not None else FAILED)
        log.info("sagemaker_endpoint_deployed", endpoint=self.name, status=self.status, error=reason)
        self.idle.set()

    def _took_over(self, fleet: Fleet, retained: Retained) -> Fleet | None:
        """Move all traffic at once. Returns the fleet to be ended: the one before, or this one if it came too late."""
        with self._lock:
            if self.status == DELETING:
                return fleet
            before, self._fleet, self._config = self._fleet, fleet, fleet.config
            self._weights = {**fleet.config.weights, **retained.weights}
            self._counts = {**_counts(fleet.config), **retained.counts}
            self._capture = fleet.config.capture if retained.capture is None else retained.capture
            return before

    def weigh(self, weights: Mapping[str, float], counts: Mapping[str, int]) -> None:
        with self._lock:
            self._weights |= weights
            self._counts |= counts
            self._reason = ""
            self._become(IN_SERVICE)
        self.idle.set()

    def stop(self) -> None:
        """End all processes. The endpoint serves nothing from now on."""
        with self._lock:
            self._become(DELETING)
            fleets = [fleet for fleet in (self._fleet, self._coming) if fleet is not None]
            self._fleet = None
        for fleet in fleets:
            fleet.stop()
        self.idle.set()

    def retained(self, config: EndpointConfig, excluded: Collection[str]) -> Retained:
        """The properties of variants that an update keeps, of variants that the new configuration has too."""
        with self._lock:
            weights = {} if "DesiredWeight" in excluded else self._weights
            counts = {} if "DesiredInstanceCount" in excluded else self._counts
            return Retained(
                {name: weight for name, weight in weights.items() if name in config.weights},
                {name: count for name, count in counts.items() if name in config.weights},
                None if "DataCaptureConfig" in excluded else self._capture,
            )

    def _become(self, status: str) -> None:
        self.status, self.changed = status, datetime.now(UTC)

    def description(self) -> dict[str, Any]:
        with self._lock:
            shown = {
                **self.summary(),
                "EndpointConfigName": self._config.name,
                "ProductionVariants": [self._variant(name) for name in self._weights],
            }
            if self._capture is not None:
                shown["DataCaptureConfig"] = _capture_shown(self._capture)
            if self._reason:
                shown["FailureReason"] = self._reason
            return shown

    def _variant(self, name: str) -> dict[str, Any]:
        weight, count = self._weights[name], self._counts[name]
        return {
            "VariantName": name,
            "DeployedImages": self._images(name),
            "CurrentWeight": weight,
            "DesiredWeight": weight,
            "CurrentInstanceCount": count if self._fleet is not None else 0,
            "DesiredInstanceCount": count,
        }

    def _images(self, variant: str) -> list[dict[str, Any]]:
        if self._fleet is None:
            return []
        image = self._fleet.containers[variant].image
        return [{"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": self.created}]

    def summary(self) -> dict[str, Any]:
        with self._lock:
            return {
                "EndpointName": self.name,
                "EndpointArn": self.arn,
                "EndpointStatus": self.status,
                "CreationTime": self.created,
                "LastModifiedTime": self.changed,
            }


def _counts(config: EndpointConfig) -> dict[str, int]:
    return {found["VariantName"]: int(found["InitialInstanceCount"]) for found in config.variants}


def _capture_shown(capture: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "EnableCapture": True,
        "CaptureStatus": "Started",
        "CurrentSamplingPercentage": capture["InitialSamplingPercentage"],
        "DestinationS3Uri": capture["DestinationS3Uri"],
        "KmsKeyId": capture.get("KmsKeyId", ""),
    }
