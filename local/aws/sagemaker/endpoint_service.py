"""The actions of endpoints: create, update, weigh, describe, list, delete. Changes run in threads, as on AWS."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker.responses import SageMakerResponse

from local.aws.actions import Overrides, refused
from local.aws.job_runner import JobRunner
from local.aws.sagemaker import models
from local.aws.sagemaker.endpoint import DELETING, FAILED, UPDATING, Endpoint, Retained
from local.aws.sagemaker.endpoint_configs import EndpointConfig, EndpointConfigs, arn_of, check_model
from local.aws.sagemaker.endpoint_fleet import Fleet
from local.aws.sagemaker.job import SageMakerSettings
from local.aws.sagemaker.listing import page
from local.aws.sagemaker.models import Container
from local.aws.sagemaker.requests import check_name, refuse

log = structlog.get_logger()


class Endpoints:
    """The endpoints by name, with their processes."""

    def __init__(self, runner: JobRunner, settings: SageMakerSettings) -> None:
        self._runner = runner
        self._settings = settings
        self._configs = EndpointConfigs()
        self._lock = threading.Lock()
        self._closed = False
        self.by_name: dict[str, Endpoint] = {}

    def install(self, overrides: Overrides) -> None:
        self._configs.install(overrides)
        actions: dict[str, Callable[[Any], Any]] = {
            "create_endpoint": self._create,
            "update_endpoint": self._update,
            "update_endpoint_weights_and_capacities": self._weigh,
            "describe_endpoint": self._describe,
            "list_endpoints": self._list,
            "delete_endpoint": self._delete,
        }
        for name, action in actions.items():
            overrides.replace(SageMakerResponse, name, _method(action))

    def close(self) -> None:
        """End all processes, and let none start."""
        with self._lock:
            self._closed = True
            endpoints = list(self.by_name.values())
        stoppers = [threading.Thread(target=endpoint.stop) for endpoint in endpoints]
        for stopper in stoppers:
            stopper.start()
        for stopper in stoppers:
            stopper.join()

    def _create(self, response: Any) -> ActionResult:
        request = json.loads(response.body)
        name = request["EndpointName"]
        check_name("EndpointName", name)
        _check_deployment(request)
        config = self._configs.found(response, request["EndpointConfigName"])
        fleet = self._fleet(response, name, config)
        arn = arn_of(response, "endpoint", name)
        endpoint = Endpoint(name, arn, config)
        with self._lock:
            if name in self.by_name:
                raise refused("ValidationException", f'Cannot create already existing endpoint "{arn}".')
            self.by_name[name] = endpoint
        self._run(endpoint, lambda: endpoint.deploy(fleet, Retained()))
        return ActionResult({"EndpointArn": arn})

    def _update(self, response: Any) -> ActionResult:
        request = json.loads(response.body)
        endpoint = self._found(response)
        _check_deployment(request)
        config = self._configs.found(response, request["EndpointConfigName"])
        fleet = self._fleet(response, endpoint.name, config)
        self._begin(endpoint, UPDATING)
        retained = Retained()
        if request.get("RetainAllVariantProperties"):
            excluded = request.get("ExcludeRetainedVariantProperties") or []
            retained = endpoint.retained(config, {found["VariantPropertyType"] for found in excluded})
        self._run(endpoint, lambda: endpoint.deploy(fleet, retained))
        return ActionResult({"EndpointArn": endpoint.arn})

    def _weigh(self, response: Any) -> ActionResult:
        endpoint = self._found(response)
        wanted = json.loads(response.body)["DesiredWeightsAndCapacities"]
        names = [found["VariantName"] for found in wanted]
        known = {found["VariantName"] for found in endpoint.description()["ProductionVariants"]}
        for name in names:
            if names.count(name) > 1:
                raise refused(
                    "ValidationException", f'The variant name "{name}" was non-unique within the request.'
                )
            if name not in known:
                raise refused(
                    "ValidationException",
                    f'The variant name(s) "{name}" is/are not present within endpoint configuration '
                    f'"{endpoint.description()["EndpointConfigName"]}".',
                )
        self._begin(endpoint, UPDATING)
        weights = {v["VariantName"]: float(v["DesiredWeight"]) for v in wanted if "DesiredWeight" in v}
        counts = {
            v["VariantName"]: int(v["DesiredInstanceCount"]) for v in wanted if "DesiredInstanceCount" in v
        }
        self._run(endpoint, lambda: endpoint.weigh(weights, counts))
        return ActionResult({"EndpointArn": endpoint.arn})

    def _describe(self, response: Any) -> ActionResult:
        return ActionResult(self._found(response).description())

    def _list(self, response: Any) -> ActionResult:
        request = {"SortOrder": "Descending", **json.loads(response.body or "{}")}
        found, token = page([e.summary() for e in list(self.by_name.values())], request, "Endpoint")
        return ActionResult({"Endpoints": found, **({"NextToken": token} if token else {})})

    def _delete(self, response: Any) -> EmptyResult:
        endpoint = self._found(response)
        if not endpoint.begin(DELETING):
            raise _in_progress(endpoint)

        def delete() -> None:
            endpoint.stop()
            with self._lock:
                self.by_name.pop(endpoint.name, None)

        self._run(endpoint, delete)
        return EmptyResult()

    def _fleet(self, response: Any, name: str, config: EndpointConfig) -> Fleet:
        containers: dict[str, Container] = {}
        for variant in config.variants:
            container = models.container_of(response, variant["ModelName"])
            check_model(container, variant["ModelName"])
            containers[variant["VariantName"]] = container
        return Fleet(name, config, containers, self._settings, self._runner)

    def _begin(self, endpoint: Endpoint, status: str) -> None:
        if endpoint.status == FAILED:
            raise refused(
                "ValidationException",
                f'Cannot update endpoint "{endpoint.arn}" in status Failed: it can only be deleted.',
            )
        if not endpoint.begin(status):
            raise _in_progress(endpoint)

    def _found(self, response: Any) -> Endpoint:
        name = json.loads(response.body)["EndpointName"]
        endpoint = self.by_name.get(name)
        if endpoint is None:
            arn = arn_of(response, "endpoint", name)
            raise refused("ValidationException", f'Could not find endpoint "{arn}".')
        return endpoint

    def _run(self, endpoint: Endpoint, change: Callable[[], None]) -> None:
        with self._lock:
            if self._closed:
                raise refused("ValidationException", "the local cloud is going down")
        threading.Thread(target=change, name=f"endpoint-{endpoint.name}", daemon=True).start()


def _method(action: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A plain function, as an attribute of a class that is to be called with the response alone."""

    def answer(response: Any) -> Any:
        return action(response)

    return answer


def _in_progress(endpoint: Endpoint) -> JsonRESTError:
    return refused("ValidationException", f'Cannot update in-progress endpoint "{endpoint.arn}".')


def _check_deployment(request: Mapping[str, Any]) -> None:
    """The policy may say how traffic moves, but here it moves all at once."""
    given = request.get("DeploymentConfig") or {}
    policy = (given.get("BlueGreenUpdatePolicy") or {}).get("TrafficRoutingConfiguration") or {}
    if given.get("RollingUpdatePolicy") or policy.get("Type", "ALL_AT_ONCE") != "ALL_AT_ONCE":
        refuse(
            "moves an endpoint's traffic all at once: canary, linear and rolling deployments are not there"
        )
    if given.get("AutoRollbackConfiguration"):
        refuse("has no alarms that roll a deployment back: AutoRollbackConfiguration must be left out")
