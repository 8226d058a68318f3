"""docker/release.sh and push.sh in a repository of two commits, with an aws, a docker and a cdk that write down what they
were asked."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DIGEST, OTHER = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
FROM = "111111111111.dkr.ecr.ap-south-1.amazonaws.com"
HERE = "222222222222.dkr.ecr.ap-south-1.amazonaws.com"
# What is pushed is in the registry under the digest that `arrives` says.
STUBS = {
    "bin/aws": """
[[ -n ${REFUSED:-} && $* == *$REFUSED* ]] && echo AccessDenied >&2 && exit 254
case "$*" in
  *describe-images*) cat "$STATE/registry" ;;
  *list-tags-for-resource*) cat "$STATE/environment" ;;
  *get-caller-identity*) echo 222222222222 ;;
  *get-login-password*) echo password ;;
esac""",
    "bin/docker": """
case "$*" in
  *inspect*) cat "$STATE/source" ;;
  *create*) cp "$STATE/arrives" "$STATE/registry" ;;
  login*) cat >/dev/null ;;
esac""",
    "infra/cdk/node_modules/.bin/cdk": "",
    "docker/build.sh": "",
}
MAKEFILE = """release:
\t@docker/release.sh "$(ENV)" "$(VERSION)" "$(FROM)"
deploy:
\t@echo "$$(git rev-parse HEAD) deployments $(ENV)" >> $(STATE)/calls
"""
Release = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    home = tmp_path / "repository"
    for name, body in STUBS.items():
        stub = home / name
        stub.parent.mkdir(parents=True, exist_ok=True)
        stub.write_text(f'#!/bin/bash\necho "$(git rev-parse HEAD) ${{0##*/}} $*" >> "$STATE/calls"{body}\n')
        stub.chmod(0o755)
    for script in ("release.sh", "push.sh", "registry.sh"):
        shutil.copy(ROOT / "docker" / script, home / "docker")
    (home / "docker" / "base.digest").write_text("base@sha256:1\n")
    (home / "Makefile").write_text(MAKEFILE)
    (home / "infra" / "cdk" / "Makefile").write_text("setup:\n")
    _git(home, "init", "-q")
    for message in ("first", "second"):
        (home / "version").write_text(message)
        _git(home, "add", "-A")
        _git(home, "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", message)
    said = {"registry": DIGEST, "source": DIGEST, "arrives": DIGEST, "environment": "prod", "calls": ""}
    for name, text in said.items():
        (tmp_path / name).write_text(text)
    return home


def _git(home: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=home, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def release(repository: Path) -> Release:
    environment = {
        "PATH": f"{repository / 'bin'}:{os.environ['PATH']}",
        "STATE": str(repository.parent),
        "AWS_REGION": "ap-south-1",
        "CI": "true",
        "PREFECT_API_URL": "https://prefect.example.com/api",
    }

    def run(*arguments: str, script: str = "release.sh", **more: str) -> subprocess.CompletedProcess[str]:
        program = repository / "docker" / script
        return subprocess.run(
            [program if program.exists() else script, *arguments],
            cwd=repository,
            env=environment | more,
            capture_output=True,
            text=True,
        )

    return run


def _calls(repository: Path, program: str, commit: str = "HEAD") -> list[str]:
    begin = f"{_git(repository, 'rev-parse', commit)} {program} "
    lines = (repository.parent / "calls").read_text().splitlines()
    return [line.removeprefix(begin) for line in lines if line.startswith(begin)]


def test_stacks_get_the_digest_before_deployments_are_told(repository: Path, release: Release) -> None:
    (repository.parent / "environment").write_text("dev\n")
    done = release("dev", "HEAD")
    assert done.returncode == 0, done.stderr
    assert _calls(repository, "cdk") == [
        f"deploy --all --parameters highwater-orchestration:ImageDigest={DIGEST} -c environment=dev --require-approval never"
    ]
    assert _calls(repository, "deployments") == ["dev"]
    assert (repository.parent / "calls").read_text().splitlines()[-1].endswith("deployments dev")
    assert _calls(repository, "docker") == []


def test_a_server_of_our_own_comes_before_its_worker(repository: Path, release: Release) -> None:
    (repository.parent / "environment").write_text("private\n")
    assert release("private", "HEAD").returncode == 0
    first, then = _calls(repository, "cdk")
    assert first.startswith(
        f"deploy highwater-server --exclusively --parameters highwater-server:ImageDigest={DIGEST} "
    )
    assert then.startswith("deploy --all ")
    assert _calls(repository, "deployments") == ["prod"]


@pytest.mark.parametrize("here", ["dev\n", "private\n", ""])
@pytest.mark.parametrize("version", ["HEAD", "HEAD~1"])
def test_the_account_of_another_environment_is_left_alone(
    repository: Path, release: Release, here: str, version: str
) -> None:
    (repository.parent / "environment").write_text(here)
    done = release("prod", version, FROM)
    assert done.returncode == 1
    assert f"are of the environment '{here.strip()}', not of 'prod'" in done.stderr
    asked = "--resource-arn arn:aws:ecr:ap-south-1:222222222222:repository/highwater-worker"
    assert [asked in call for call in _calls(repository, "aws")] == [False, True]
    calls = (repository.parent / "calls").read_text()
    assert not [program for program in (" cdk ", " docker ", " deployments ") if program in calls]


@pytest.mark.parametrize("version", ["HEAD", "HEAD~1"])
def test_without_a_prefect_server_nothing_is_begun(repository: Path, release: Release, version: str) -> None:
    """It is told last: what came before would be released without its deployments."""
    done = release("prod", version, PREFECT_API_URL="")
    assert done.returncode == 1
    assert "PREFECT_API_URL is not set: which Prefect server runs this account's flows?" in done.stderr
    assert (repository.parent / "calls").read_text() == ""


def test_an_image_of_the_account_before_is_copied_by_its_digest(repository: Path, release: Release) -> None:
    (repository.parent / "registry").write_text("")
    done = release("prod", "HEAD", FROM)
    assert done.returncode == 0, done.stderr
    tag = _git(repository, "rev-parse", "--short=12", "HEAD")
    assert _calls(repository, "docker") == [
        f"login --username AWS --password-stdin {HERE}",
        f"login --username AWS --password-stdin {FROM}",
        f"buildx imagetools inspect {FROM}/highwater-worker:{tag} --format {{{{.Manifest.Digest}}}}",
        f"buildx imagetools create --prefer-index=false --tag {HERE}/highwater-worker:{tag} "
        f"{FROM}/highwater-worker@{DIGEST}",
    ]
    assert f"ImageDigest={DIGEST} " in _calls(repository, "cdk")[0]


def test_a_copy_that_is_not_what_was_tried_is_not_released(repository: Path, release: Release) -> None:
    (repository.parent / "registry").write_text("")
    (repository.parent / "arrives").write_text(OTHER)
    done = release("prod", "HEAD", FROM)
    assert done.returncode == 1
    assert f"has another digest: {OTHER}" in done.stderr
    assert _calls(repository, "cdk") == []


def test_without_an_image_nothing_is_deployed(repository: Path, release: Release) -> None:
    (repository.parent / "registry").write_text("")
    done = release("prod", "HEAD")
    assert done.returncode == 1
    assert "make push here, or name FROM=" in done.stderr
    assert _calls(repository, "cdk") == []


def test_the_way_back_is_the_earlier_commit_whole(repository: Path, release: Release) -> None:
    done = release("prod", "HEAD~1")
    assert done.returncode == 0, done.stderr
    assert len(_calls(repository, "cdk", "HEAD~1")) == 1
    assert _calls(repository, "deployments", "HEAD~1") == ["prod"]
    assert _calls(repository, "cdk") == []
    assert len(_git(repository, "worktree", "list").splitlines()) == 1


@pytest.mark.parametrize("changed", ["version", "jobs/unknown_to_git.py"])
@pytest.mark.parametrize(("script", "arguments"), [("release.sh", ("prod", "HEAD")), ("push.sh", ())])
def test_what_no_commit_has_is_neither_released_nor_pushed(
    repository: Path, release: Release, changed: str, script: str, arguments: tuple[str, ...]
) -> None:
    (repository.parent / "registry").write_text("")
    (repository / changed).parent.mkdir(exist_ok=True)
    (repository / changed).write_text("changed")
    done = release(*arguments, script=script)
    assert done.returncode == 1
    assert "changes that are not committed" in done.stderr
    assert changed in done.stderr
    assert (repository.parent / "calls").read_text() == ""


HOSTILE = [
    'HEAD"; touch "$STATE/owned"; "',
    "$(shell touch $(STATE)/owned)HEAD",
    "$(touch $STATE/owned)",
    "`touch $STATE/owned`",
    "--output=owned",
    "--help",
    "HEAD..HEAD~1",
    "^HEAD",
    "no-such-branch",
]


@pytest.mark.parametrize("version", HOSTILE)
@pytest.mark.parametrize("given", ["environment", "arguments"])
def test_a_version_that_is_no_commit_is_refused_before_anything_runs(
    repository: Path, release: Release, version: str, given: str
) -> None:
    shutil.copy(ROOT / "Makefile", repository)
    _git(repository, "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qam", "third")
    # `setup` is taken for done.
    made = ["-o", "setup", "release", "ENV=prod"]
    done = (
        release(*made, f"VERSION={version}", script="make")
        if given == "arguments"
        else release(*made, script="make", VERSION=version)
    )
    assert done.returncode != 0
    assert "commit" in done.stderr
    assert list(repository.parent.rglob("owned")) == []
    assert (repository.parent / "calls").read_text() == ""


def test_a_branch_whose_name_is_a_command_is_a_commit_and_nothing_more(
    repository: Path, release: Release
) -> None:
    shutil.copy(ROOT / "Makefile", repository)
    _git(repository, "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qam", "third")
    name = 'x";touch${IFS}"$STATE/owned";"'
    _git(repository, "branch", name)
    done = release("-o", "setup", "release", "ENV=prod", script="make", VERSION=name)
    assert list(repository.parent.rglob("owned")) == []
    assert len(_calls(repository, "cdk")) == 1, done.stderr


@pytest.mark.parametrize(
    ("script", "arguments", "call"),
    [
        ("release.sh", ("prod", "HEAD", FROM), "describe-images"),
        ("release.sh", ("prod", "HEAD", FROM), "get-caller-identity"),
        ("release.sh", ("prod", "HEAD", FROM), "list-tags-for-resource"),
        ("push.sh", (), "describe-images"),
        ("push.sh", (), "get-caller-identity"),
    ],
)
def test_what_aws_refuses_is_not_taken_for_an_answer(
    repository: Path, release: Release, call: str, script: str, arguments: tuple[str, ...]
) -> None:
    """A registry that may not be asked is not one without the image, and there is no registry of no account."""
    (repository.parent / "registry").write_text("")
    done = release(*arguments, script=script, REFUSED=call)
    assert done.returncode != 0
    assert "AccessDenied" in done.stderr
    for program in ("build.sh", "docker", "cdk"):
        assert _calls(repository, program) == []


def test_an_image_is_built_once(repository: Path, release: Release) -> None:
    assert release(script="push.sh").returncode == 0
    assert _calls(repository, "build.sh") == []
    (repository.parent / "registry").write_text("")
    assert release(script="push.sh").returncode == 0
    image = f"{HERE}/highwater-worker:{_git(repository, 'rev-parse', '--short=12', 'HEAD')}"
    assert _calls(repository, "build.sh") == [f"base@sha256:1 {image}"]
    assert _calls(repository, "docker") == [f"login --username AWS --password-stdin {HERE}", f"push {image}"]
