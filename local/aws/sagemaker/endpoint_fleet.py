"""The warm processes of one endpoint configuration. A fleet comes up as a whole, and goes when its requests are done."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from local.aws.job_runner import JobRunner
from local.aws.sagemaker.endpoint_configs import EndpointConfig
from local.aws.sagemaker.endpoint_host import HostPlan, ModelHost
from local.aws.sagemaker.images import environment_of
from local.aws.sagemaker.job import SageMakerSettings
from local.aws.sagemaker.models import Container

STARTUP_SECONDS = 480.0
DRAIN_SECONDS = 65.0
_POLL_SECONDS = 0.02
_numbers = itertools.count(1)


class Fleet:
    """`containers` are the models by variant, as they were when the endpoint was created or updated."""

    def __init__(
        self,
        endpoint: str,
        config: EndpointConfig,
        containers: Mapping[str, Container],
        settings: SageMakerSettings,
        runner: JobRunner,
    ) -> None:
        self.config = config
        self.containers = containers
        number = next(_numbers)
        self._hosts = {
            variant["VariantName"]: ModelHost(
                _plan(endpoint, number, variant, containers[variant["VariantName"]], runner),
                settings,
                runner.grace,
            )
            for variant in config.variants
        }
        self._lock = threading.Lock()
        self._under_way = 0

    def start(self) -> str | None:
        """Load all models side by side, and wait. Returns the reason of the first that can't be loaded."""
        for host in self._hosts.values():
            host.start()
        for name, host in self._hosts.items():
            if (reason := host.ready()) is not None:
                return (
                    f"The primary container for production variant {name} did not pass the ping health check. Please "
                    f"check CloudWatch logs for this endpoint. {reason}"
                )
        return None

    @contextmanager
    def serving(self, variant: str) -> Iterator[ModelHost]:
        """The variant's process. The fleet does not go before this has ended."""
        with self._lock:
            self._under_way += 1
        try:
            yield self._hosts[variant]
        finally:
            with self._lock:
                self._under_way -= 1

    def drain(self) -> None:
        deadline = time.monotonic() + DRAIN_SECONDS
        while self._under_way and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        self.stop()

    def stop(self) -> None:
        stoppers = [threading.Thread(target=host.stop) for host in self._hosts.values()]
        for stopper in stoppers:
            stopper.start()
        for stopper in stoppers:
            stopper.join()


def _plan(
    endpoint: str, number: int, variant: Mapping[str, Any], container: Container, runner: JobRunner
) -> HostPlan:
    name = f"{endpoint}/{variant['VariantName']}-{number}"
    return HostPlan(
        name=name,
        mark=runner.mark(f"Endpoint/{name}"),
        container=container,
        environment=environment_of(container.image),
        startup_seconds=variant.get("ContainerStartupHealthCheckTimeoutInSeconds", STARTUP_SECONDS),
    )
