"""What GitHub's workflows may do, and whose code they run."""

from __future__ import annotations

import os
import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from audit import locks

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
    assert {"check.yml", "locks.yml", "audit.yml", "deploy.yml"} == WORKFLOWS.keys()
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
    made = set(re.findall(r"make (?:-C infra/cdk )?([a-z0-9]+)", run))
    for job in WORKFLOWS[name]["jobs"].values():
        made |= set(job.get("strategy", {}).get("matrix", {}).get("target", []))
    assert made
    assert made <= targets


def test_a_changed_lock_is_audited_before_it_is_merged() -> None:
    """What is known by night of a lock that came in by day comes late."""
    workflow = WORKFLOWS["locks.yml"]
    # YAML takes the key `on` for true. In GitHub's patterns `**` is any path.
    patterns = workflow[True]["pull_request"]["paths"]
    assert "make audit" in [step.get("run") for step in _steps(workflow)]
    wanted = [*locks.all_of(ROOT), "audit/exceptions.toml", "audit/locks.py"]
    assert len(wanted) >= 8
    assert [path for path in wanted if not any(fnmatch(path, pattern) for pattern in patterns)] == []


def test_what_takes_long_or_changes_by_itself_is_run_every_night() -> None:
    (job,) = WORKFLOWS["audit.yml"]["jobs"].values()
    assert job["strategy"]["matrix"]["target"] == ["audit", "accuracy", "rehearse"]


def test_nothing_is_installed_once_there_is_a_session_of_aws() -> None:
    """`make push` and `make release` find both environments made."""
    steps = _steps(WORKFLOWS["deploy.yml"])
    (session,) = [n for n, step in enumerate(steps) if "configure-aws-credentials" in step.get("uses", "")]
    before = [step["run"] for step in steps[:session] if "run" in step]
    assert {"make setup", "make -C infra/cdk setup"} <= set(before)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """As the deployment's first step leaves it: main has two commits, a branch one more."""
    home = tmp_path / "checkout"
    home.mkdir()
    _git(home, "init", "-q", "-b", "main")
    _commit(home, "first")
    _commit(home, "second")
    _git(home, "update-ref", "refs/remotes/origin/main", "HEAD")
    _git(home, "checkout", "-qb", "not-reviewed")
    _commit(home, "third")
    _git(home, "checkout", "-q", "main")
    return home


def _git(home: Path, *arguments: str) -> str:
    who = ("-c", "user.name=x", "-c", "user.email=x@example.com")
    done = subprocess.run(["git", *who, *arguments], cwd=home, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _commit(home: Path, message: str) -> None:
    _git(home, "commit", "-q", "--allow-empty", "-m", message)


def _take(home: Path, version: str) -> int:
    """The deployment's own step, as GitHub runs it, with this for what was typed."""
    (step,) = [s for s in _steps(WORKFLOWS["deploy.yml"]) if s.get("name") == "only what main has"]
    (variable,) = step["env"]
    environment = os.environ | {variable: version, "STATE": str(home.parent)}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=home,
        env=environment,
        capture_output=True,
    ).returncode


@pytest.mark.parametrize("version", ["main", "main~1", "HEAD"])
def test_a_deployment_takes_a_commit_of_main(checkout: Path, version: str) -> None:
    wanted = _git(checkout, "rev-parse", version)
    assert _take(checkout, version) == 0
    assert _git(checkout, "rev-parse", "HEAD") == wanted
    assert _git(checkout, "branch", "--show-current") == ""


@pytest.mark.parametrize(
    "version",
    [
        "not-reviewed",
        "no-such-branch",
        "--help",
        "--all",
        "^main",
        "main~1..main",
        'main"; touch "$STATE/owned"; "',
        "$(touch $STATE/owned)",
    ],
)
def test_a_deployment_takes_nothing_else(checkout: Path, version: str) -> None:
    before = _git(checkout, "rev-parse", "HEAD")
    assert _take(checkout, version) != 0
    assert _git(checkout, "rev-parse", "HEAD") == before
    assert _git(checkout, "branch", "--show-current") == "main"
    assert not (checkout.parent / "owned").exists()


def test_what_was_typed_reaches_one_step_and_no_script() -> None:
    """As a variable of the step that makes a commit of it: a text within a script would be part of the script."""
    typed = "inputs.version"
    holders = [step for step in _steps(WORKFLOWS["deploy.yml"]) if typed in str(step)]
    assert [step["name"] for step in holders] == ["only what main has"]
    assert not any("${{" in step.get("run", "") for step in _steps(WORKFLOWS["deploy.yml"]))
    (job,) = WORKFLOWS["deploy.yml"]["jobs"].values()
    assert typed not in str(job["env"])


def _group(**github: str | int) -> str:
    """The group of check.yml, whose expression is the first of some values that is there."""
    group = WORKFLOWS["check.yml"]["concurrency"]["group"]
    ((before, names),) = re.findall(r"^(.*)\$\{\{ (.*) \}\}$", group)
    known = [github.get(name.strip().removeprefix("github."), "") for name in names.split("||")]
    return f"{before}{next(value for value in known if value)}"


def test_main_is_checked_to_the_end_and_a_pull_request_once() -> None:
    first, second = (_group(run_id=run, ref="refs/heads/main") for run in (1, 2))
    assert first != second
    pushes = [_group(**{"run_id": run, "event.number": 7, "ref": "refs/pull/7/merge"}) for run in (3, 4)]
    assert pushes[0] == pushes[1]
    assert WORKFLOWS["check.yml"]["concurrency"]["cancel-in-progress"] == (
        "${{ github.event_name == 'pull_request' }}"
    )
