"""What GitHub's workflows may do, and whose code they run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = {
    path.name: yaml.safe_load(path.read_text()) for path in (ROOT / ".github" / "workflows").glob("*.yml")
}


def _steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_an_action_is_the_code_that_was_looked_at(name: str) -> None:
    """By its commit, with the version that it is beside it for people and for Dependabot."""
    used = re.findall(r"uses: (.*)", (ROOT / ".github" / "workflows" / name).read_text())
    assert len(used) == sum("uses" in step for step in _steps(WORKFLOWS[name])) > 0
    assert [u for u in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", u)] == []


def test_a_token_reads_and_the_deployment_alone_becomes_somebody_on_aws() -> None:
    assert {"check.yml", "audit.yml", "deploy.yml"} == WORKFLOWS.keys()
    given = {
        (name, job): content.get("permissions", workflow["permissions"])
        for name, workflow in WORKFLOWS.items()
        for job, content in workflow["jobs"].items()
    }
    deployment = given.pop(("deploy.yml", "release"))
    assert deployment == {"contents": "read", "id-token": "write"}
    assert all(permissions == {"contents": "read"} for permissions in given.values())


def test_a_deployment_waits_for_the_approval_of_its_environment() -> None:
    (job,) = WORKFLOWS["deploy.yml"]["jobs"].values()
    assert job["environment"] == "${{ inputs.environment }}"
    # YAML takes the key `on` for true.
    choice = WORKFLOWS["deploy.yml"][True]["workflow_dispatch"]["inputs"]["environment"]
    assert choice["options"] == ["dev", "staging", "prod"]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_what_a_workflow_makes_is_a_target(name: str) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    run = "\n".join(step.get("run", "") for step in _steps(WORKFLOWS[name]))
    made = set(re.findall(r"make ([a-z0-9-]+)", run))
    for job in WORKFLOWS[name]["jobs"].values():
        made |= set(job.get("strategy", {}).get("matrix", {}).get("target", []))
    assert made
    assert made <= targets
