"""prefect.yaml against the flows that it names: what disagrees here would fail at night."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import Any, get_type_hints
from zoneinfo import ZoneInfo

import pytest
import yaml
from prefect import Flow
from pydantic import BaseModel, TypeAdapter, ValidationError

from deployments.names import WORK_POOL
from deployments.work_pool import QUEUES
from local.environment import environment

ROOT = Path(__file__).parents[2]
CONTENT: dict[str, Any] = yaml.safe_load((ROOT / "prefect.yaml").read_text())
DEPLOYMENTS: list[dict[str, Any]] = CONTENT["deployments"]
ENVIRONMENTS = ("dev", "staging", "prod")
# What Fargate has: memory in MiB by CPU units.
FARGATE = {
    256: {512, 1024, 2048},
    512: set(range(1024, 4097, 1024)),
    1024: set(range(2048, 8193, 1024)),
    2048: set(range(4096, 16385, 1024)),
}
every_deployment = pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda d: d["name"])


def flow_of(deployment: dict[str, Any]) -> Flow[..., Any]:
    path, _, name = deployment["entrypoint"].partition(":")
    return getattr(importlib.import_module(path.removesuffix(".py").replace("/", ".")), name)  # type: ignore[no-any-return]


def disagreements(flow: Flow[..., Any], parameters: dict[str, Any], *, all_given: bool) -> list[str]:
    """What a run with these parameters would stumble over."""
    accepted = inspect.signature(flow.fn).parameters
    hints = get_type_hints(flow.fn, include_extras=True)
    found = [f"{name}: the flow has no such parameter" for name in parameters.keys() - accepted.keys()]
    for name in parameters.keys() & accepted.keys():
        try:
            TypeAdapter(hints[name]).validate_python(parameters[name])
        except ValidationError as error:
            found.append(f"{name}: {error.errors()[0]['msg']}")
    if all_given:
        required = [name for name, p in accepted.items() if p.default is inspect.Parameter.empty]
        found += [
            f"{name}: a scheduled run has nobody to give it" for name in required if name not in parameters
        ]
    return found


@every_deployment
def test_parameters_agree_with_the_flow(deployment: dict[str, Any]) -> None:
    parameters = deployment.get("parameters", {})
    assert disagreements(flow_of(deployment), parameters, all_given="schedules" in deployment) == []


def test_a_disagreement_is_found() -> None:
    (backfill,) = (flow_of(d) for d in DEPLOYMENTS if d["name"] == "cpg-backfill")
    wrong = {"chunk_days": 0, "day": 1, "start_date": "2025-01-06"}
    assert sorted(disagreements(backfill, wrong, all_given=True)) == [
        "chunk_days: Input should be greater than 0",
        "day: the flow has no such parameter",
        "end_date: a scheduled run has nobody to give it",
    ]


def test_every_flow_has_one_deployment_of_its_name() -> None:
    entry_points = {
        f"{path.relative_to(ROOT)}:{name}"
        for path in (ROOT / "flows").glob("*.py")
        for name in re.findall(r"^@flow\(.*?^def (\w+)", path.read_text(), re.MULTILINE | re.DOTALL)
    }
    assert sorted(d["entrypoint"] for d in DEPLOYMENTS) == sorted(entry_points)
    assert [d["name"] for d in DEPLOYMENTS] == [flow_of(d).name for d in DEPLOYMENTS]


@every_deployment
def test_a_deployment_says_all_that_it_must(deployment: dict[str, Any]) -> None:
    assert len(deployment["description"]) > 40
    assert deployment["tags"]
    assert deployment["version"] == "{{ $HIGHWATER_CODE_VERSION }}"
    # A queue of its own takes one run at a time. The lease of a concurrency limit would be lost with the server's memory.
    assert deployment["work_pool"]["work_queue_name"] == deployment["name"]
    assert deployment["name"] in QUEUES
    assert "concurrency_limit" not in deployment
    for schedule in deployment.get("schedules", []):
        assert ZoneInfo(schedule["timezone"])
        assert schedule["active"] == "{{ $HIGHWATER_SCHEDULES_ACTIVE }}"


def test_the_daily_run_is_at_two_at_night_where_the_business_is() -> None:
    (daily,) = (d for d in DEPLOYMENTS if d["name"] == "cpg-daily")
    (schedule,) = daily["schedules"]
    assert (schedule["cron"], schedule["timezone"]) == ("0 2 * * *", "Asia/Kolkata")
    assert flow_of(daily).timeout_seconds == 4 * 60 * 60


@every_deployment
def test_what_a_parameter_means_is_shown_in_its_form(deployment: dict[str, Any]) -> None:
    properties = flow_of(deployment).parameters.model_dump()["properties"]
    undescribed = [name for name, shown in properties.items() if not shown.get("description")]
    # Prefect loses the description of a parameter that is named as a method of pydantic's models are.
    assert [name for name in undescribed if not hasattr(BaseModel, name)] == []


def test_crashes_of_every_pipeline_are_recovered_but_not_those_of_the_recovery() -> None:
    names = [d["name"] for d in DEPLOYMENTS]
    assert listened_to("crash-recovery") == [n for n in names if n not in ("crash-recovery", "late-run")]


def test_no_run_is_late_unseen_but_that_which_tells_of_it() -> None:
    """It cannot start itself."""
    assert listened_to("late-run") == [d["name"] for d in DEPLOYMENTS if d["name"] != "late-run"]


def test_nothing_else_is_started_by_events() -> None:
    assert [d["name"] for d in DEPLOYMENTS if "triggers" in d] == ["crash-recovery", "late-run"]


def listened_to(name: str) -> Any:
    (watching,) = (d for d in DEPLOYMENTS if d["name"] == name)
    (trigger,) = watching["triggers"]
    assert trigger["match_related"]["prefect.resource.role"] == "deployment"
    return trigger["match_related"]["prefect.resource.name"]


def placeholders(content: Any) -> set[str]:
    return set(re.findall(r"\{\{ \$(\w+) \}\}", yaml.safe_dump(content)))


def variables(name: str) -> dict[str, str]:
    lines = (ROOT / "deployments" / f"{name}.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_answers_every_placeholder(name: str) -> None:
    known = variables(name)
    # The commit is asked of git by `make deploy`.
    assert placeholders(CONTENT) == known.keys() | {"HIGHWATER_CODE_VERSION"}
    assert known["HIGHWATER_WORK_POOL"] == WORK_POOL
    assert all(known.values())


def test_the_local_cloud_answers_every_placeholder_too() -> None:
    values = environment()
    assert [name for name in sorted(placeholders(CONTENT)) if not values.get(name)] == []


@pytest.mark.parametrize("name", [*ENVIRONMENTS, "local"])
def test_fargate_has_every_size(name: str) -> None:
    known = variables(name)
    for size in ("SMALL", "MEDIUM"):
        cpu, memory = int(known[f"HIGHWATER_{size}_CPU"]), int(known[f"HIGHWATER_{size}_MEMORY"])
        assert memory in FARGATE[cpu], f"{size}: {cpu} units with {memory} MiB"
