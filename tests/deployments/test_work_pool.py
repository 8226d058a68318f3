"""The ECS pool's template through Prefect's own machinery: what the worker would ask ECS for."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any
from uuid import uuid4

import prefect.settings
import pytest
import yaml
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_KEY, PREFECT_API_URL, temporary_settings
from prefect.utilities.templating import apply_values
from prefect_aws.workers.ecs_worker import ECSJobConfiguration, ECSWorker
from pydantic import ValidationError

from deployments.settings import Place
from deployments.work_pool import base_job_template

SNAPSHOTS = Path(__file__).parents[2] / "infra" / "cdk" / "snapshots"
PLACE = Place(subnets=["subnet-1", "subnet-2"], security_groups=["sg-1"])
DEFINITION = {
    "family": "highwater-flow-run",
    "networkMode": "awsvpc",
    "requiresCompatibilities": ["FARGATE"],
    "containerDefinitions": [{"name": "flow-run"}],
}


def request(job_variables: dict[str, Any], place: Place = PLACE) -> dict[str, Any]:
    template = base_job_template(place)
    defaults = ECSJobConfiguration._get_base_config_defaults(template["variables"]["properties"])
    configuration = ECSJobConfiguration(
        **apply_values(template["job_configuration"], {**defaults, **job_variables})
    )
    configuration.prepare_for_flow_run(FlowRun(id=uuid4(), flow_id=uuid4(), name="a run"))
    worker = ECSWorker.__new__(ECSWorker)
    worker._logger = logging.getLogger("test")  # type: ignore[assignment]
    return worker._prepare_task_run_request(configuration, DEFINITION, "highwater-flow-run", False)


def test_a_task_is_asked_for_in_the_place_that_the_stacks_name() -> None:
    asked = request({"cpu": "1024", "memory": "2048", "env": {"PREFECT_LOGGING_LEVEL": "DEBUG"}})

    assert (asked["cluster"], asked["taskDefinition"], asked["launchType"]) == (
        "highwater",
        "highwater-flow-run",
        "FARGATE",
    )
    assert asked["networkConfiguration"]["awsvpcConfiguration"] == {
        "subnets": ["subnet-1", "subnet-2"],
        "securityGroups": ["sg-1"],
        "assignPublicIp": "DISABLED",
    }
    assert (asked["overrides"]["cpu"], asked["overrides"]["memory"]) == ("1024", "2048")
    (container,) = asked["overrides"]["containerOverrides"]
    assert (container["name"], container["command"]) == ("flow-run", ["prefect", "flow-run", "execute"])
    variables = {variable["name"]: variable["value"] for variable in container["environment"]}
    assert variables["PREFECT_LOGGING_LEVEL"] == "DEBUG"
    assert {tag["key"] for tag in asked["tags"]} >= {"prefect.io/flow-run-id"}


CLOUD = Place(**PLACE.model_dump(exclude_none=True), prefect_api_key_secret_arn="arn:secret:api_key::")
OWN = Place(
    **PLACE.model_dump(exclude_none=True), prefect_api_auth_string_secret_arn="arn:secret:auth_string::"
)


@pytest.mark.parametrize(
    ("setting", "place"), [(PREFECT_API_KEY, CLOUD), (PREFECT_API_AUTH_STRING, OWN)], ids=["cloud", "own"]
)
def test_the_workers_login_is_in_no_request(setting: Any, place: Place) -> None:
    """RunTask's overrides are there for whoever may describe a task, and in CloudTrail."""
    with temporary_settings({setting: "pnu_of_the_worker"}):
        assert "pnu_of_the_worker" in str(request({}))  # it would be, and hence this
        asked = str(request({}, place))
    assert "pnu_of_the_worker" not in asked
    assert "arn:secret" not in asked  # the task definition names it


def container_of(family: str) -> dict[str, Any]:
    """From the reviewed template of production, which `make infra` holds against the synthesis."""
    template = yaml.safe_load((SNAPSHOTS / "highwater-orchestration.yaml").read_text())
    (found,) = (
        resource["Properties"]["ContainerDefinitions"][0]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::ECS::TaskDefinition" and resource["Properties"]["Family"] == family
    )
    return dict(found)


def test_no_secret_of_a_flow_run_is_in_the_workers_request() -> None:
    """ECS refuses the task otherwise, and so does the local one (tests/local/aws/test_ecs_tasks.py)."""
    worker, flow_run = container_of("highwater-worker"), container_of("highwater-flow-run")
    known = {s["Name"]: "known" for s in worker["Secrets"]}
    settings = {getattr(prefect.settings, name): value for name, value in known.items()}
    with temporary_settings({**settings, PREFECT_API_URL: "https://prefect/api"}):
        (asked,) = request({"env": {"PREFECT_LOGGING_LEVEL": "INFO"}}, CLOUD)["overrides"][
            "containerOverrides"
        ]
    overrides = {variable["name"] for variable in asked["environment"]}
    secrets = {secret["Name"] for secret in flow_run["Secrets"]}
    assert "PREFECT_API_URL" in overrides  # the flow run has it from here
    assert secrets == {"PREFECT_API_KEY"}
    assert secrets & overrides == set()
    assert secrets | overrides >= known.keys()  # and it lacks nothing that the worker needed


def test_spot_is_asked_for_as_a_capacity_provider() -> None:
    asked = request({"launch_type": "FARGATE_SPOT"})

    assert "launchType" not in asked
    assert asked["capacityProviderStrategy"] == [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]


def test_the_place_is_read_from_the_services_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIGHWATER_SUBNETS", "subnet-1, subnet-2")
    monkeypatch.setenv("HIGHWATER_SECURITY_GROUPS", "sg-1")
    monkeypatch.setenv("HIGHWATER_TASK_DEFINITION", "highwater-flow-run:7")

    properties = base_job_template(Place())["variables"]["properties"]  # type: ignore[call-arg]

    assert properties["subnets"]["default"] == ["subnet-1", "subnet-2"]
    assert properties["task_definition"]["default"] == "highwater-flow-run:7"
    assert "default" not in properties["prefect_api_key_secret_arn"]


def test_a_place_without_a_network_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIGHWATER_SUBNETS", "")
    monkeypatch.setenv("HIGHWATER_SECURITY_GROUPS", "sg-1")

    with pytest.raises(ValidationError, match="take it from the outputs of the network stack"):
        Place()  # type: ignore[call-arg]
