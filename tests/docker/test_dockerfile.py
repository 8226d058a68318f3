"""What can be said of the image without building it: its text, what it copies, and what the worker can import."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from deployments import glue_code
from tasks.churn import churn_training
from tasks.forecast import forecast_jobs

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text()
HADOLINT = Path(sys.executable).parent / "hadolint"


def instructions(text: str = DOCKERFILE) -> list[tuple[str, str]]:
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    return [(word, rest) for line in joined.splitlines() if line for word, _, rest in [line.partition(" ")]]


def copied() -> list[str]:
    """The sources that come from the repository."""
    arguments = [rest.split() for word, rest in instructions() if word == "COPY" and "--from" not in rest]
    return [source for words in arguments for source in words[:-1]]


def test_every_source_exists_and_is_let_through_to_the_builder() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert ignored[1] == "*"
    assert [source for source in copied() if not (ROOT / source).exists()] == []
    folders = {
        source for source in copied() if not allowed & {str(parent) for parent in Path(source).parents}
    }
    assert allowed == folders


def test_the_packages_that_flows_import_are_copied() -> None:
    ours = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()}
    wanted: set[str] = set()
    for package in ("flows", "deployments"):
        waiting = [package]
        while waiting:
            name = waiting.pop()
            if name in wanted:
                continue
            wanted.add(name)
            text = "\n".join(path.read_text() for path in (ROOT / name).rglob("*.py"))
            waiting += sorted(set(re.findall(r"^\s*(?:from|import) (\w+)", text, re.MULTILINE)) & ours)
    assert wanted <= set(copied())
    assert not {"local", "bench", "tests"} & set(copied())
    assert set(glue_code.PACKAGES) <= set(copied())  # whole: their hash is compared with that of Glue's jobs
    for package in (forecast_jobs.PACKAGE, churn_training.PACKAGE):
        for name in (package.folder, *package.shared):
            assert {name, *(str(parent) for parent in Path(name).parents)} & set(copied()), name


def test_the_base_is_named_by_whoever_builds_and_only_once() -> None:
    bases = [rest.split()[0] for word, rest in instructions() if word == "FROM"]
    assert bases == ["${BASE}", "${BASE}"]
    assert ("ARG", "BASE") in instructions()


def test_it_runs_as_nobody_in_particular_and_says_how_it_is() -> None:
    last_stage = instructions()[[w for w, _ in instructions()].index("FROM", 2) :]
    words = [word for word, _ in last_stage]
    assert words.count("USER") == 1
    user = dict(last_stage)["USER"].split(":")[0]
    assert int(user) > 1000
    assert words.index("USER") < words.index("CMD")
    assert "deployments.health" in dict(last_stage)["HEALTHCHECK"]
    assert not [
        rest for word, rest in last_stage if word == "RUN" and re.search(r"apt|pip install|uv sync", rest)
    ]


def test_it_is_locked_to_the_same_uv_as_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (version,) = re.findall(r"^UV_VERSION := (\S+)", makefile, re.MULTILINE)
    assert ("ARG", f"UV_VERSION={version}") in instructions()
    assert "--frozen" in DOCKERFILE


def test_the_worker_has_neither_spark_nor_model_training() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    names = {re.split(r"[\[<>=~ ]", entry)[0] for entry in groups["worker"] if isinstance(entry, str)}
    assert not names & {"pyspark", "xgboost", "xgboost-cpu", "scikit-learn", "moto", "fakesnow"}


def test_a_base_without_a_digest_is_refused() -> None:
    done = subprocess.run(
        [ROOT / "docker" / "build.sh", "docker.io/library/python:3.11", "x"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "has no digest: a tag moves, a digest does not" in done.stderr


def test_docker_is_asked_for_the_same_content_for_one_platform(tmp_path: Path) -> None:
    """Called by a docker that writes down how: there is no daemon where the image is tested."""
    written = tmp_path / "called"
    docker = tmp_path / "docker"
    docker.write_text(
        f'#!/bin/sh\necho "${{SOURCE_DATE_EPOCH:-none}} $*" >> {written}\ntest "$1 $2" != "buildx inspect"\n'
    )
    docker.chmod(0o755)
    base = f"docker.io/library/python@sha256:{'0' * 64}"
    subprocess.run(
        [ROOT / "docker" / "build.sh", base, "worker:x"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        check=True,
    )
    *_, create, build = written.read_text().splitlines()
    assert create == "none buildx create --name highwater --driver docker-container"
    epoch = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True)
    assert build.startswith(f"{epoch.stdout.strip()} buildx build --builder highwater --provenance=false ")
    assert " --output type=docker,rewrite-timestamp=true " in build
    assert " --platform linux/amd64 " in build
    assert f" --build-arg BASE={base} " in build
    assert build.endswith(" --tag worker:x .")


def test_the_image_is_built_on_the_base_that_is_committed(tmp_path: Path) -> None:
    docker, called = tmp_path / "docker", tmp_path / "called"
    docker.write_text(f'#!/bin/sh\necho "$*" >> {called}\n')
    docker.chmod(0o755)
    subprocess.run(
        ["make", "image", "IMAGE=worker:x"], cwd=ROOT, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True
    )
    base = (ROOT / "docker" / "base.digest").read_text().strip()
    assert re.fullmatch(r"docker\.io/library/python:3\.11-slim-bookworm@sha256:[0-9a-f]{64}", base)
    assert f" --build-arg BASE={base} " in called.read_text()


@pytest.mark.parametrize(("said", "kept"), [(f"sha256:{'1' * 64}", False), ("toomanyrequests", True)])
def test_the_base_is_renewed_by_a_digest_and_by_nothing_else(tmp_path: Path, said: str, kept: bool) -> None:
    shutil.copy(ROOT / "docker" / "renew_base.sh", tmp_path)
    (tmp_path / "base.digest").write_text("as it was\n")
    docker = tmp_path / "docker"
    docker.write_text(f"#!/bin/sh\necho {said}\n")
    docker.chmod(0o755)
    done = subprocess.run(
        [tmp_path / "renew_base.sh"], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=False
    )
    assert (done.returncode != 0) is kept
    written = (tmp_path / "base.digest").read_text()
    assert written == ("as it was\n" if kept else f"docker.io/library/python:3.11-slim-bookworm@{said}\n")


if HADOLINT.exists():

    def test_hadolint_finds_nothing_in_ours_and_something_in_a_bad_one(tmp_path: Path) -> None:
        bad = tmp_path / "Dockerfile"
        bad.write_text("FROM python\nRUN cd /tmp && pip install requests\n")

        def lint(path: Path) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [HADOLINT, "--config", ROOT / "docker" / ".hadolint.yaml", path],
                capture_output=True,
                text=True,
            )

        assert lint(ROOT / "docker" / "Dockerfile").stdout == ""
        found = lint(bad)
        assert found.returncode == 1
        assert {"DL3006", "DL3013", "DL3042"} <= set(re.findall(r"DL\d+", found.stdout))


@pytest.mark.e2e
def test_every_flow_is_importable_with_only_the_workers_packages(tmp_path: Path) -> None:
    """The environment that the image gets, made as the Dockerfile makes it: locked, of one group."""
    environment = tmp_path / "venv"
    uv = Path(sys.executable).parent / "uv"
    subprocess.run(
        [uv, "sync", "--frozen", "--quiet", "--no-default-groups", "--only-group", "worker"],
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(Path.home()),
            "UV_PROJECT_ENVIRONMENT": str(environment),
            "UV_PYTHON": sys.executable,
        },
        check=True,
        timeout=300,
    )
    for source in copied():
        target = tmp_path / "image" / source
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, target, dirs_exist_ok=True)  # a folder of another one too
        else:
            shutil.copy(ROOT / source, target)
    done = subprocess.run(
        [environment / "bin" / "python", "-c", IMPORT_ALL],
        cwd=tmp_path / "image",
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PREFECT_HOME": str(tmp_path / "prefect")},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    flows = {path.stem for path in (ROOT / "flows").glob("*.py")} - {"__init__"}
    assert set(done.stdout.split()) == flows


IMPORT_ALL = """
import importlib, importlib.util, pkgutil, flows, deployments.work_pool, prefect_aws.workers
for absent in ("pyspark", "xgboost", "moto", "fakesnow", "pytest"):
    assert importlib.util.find_spec(absent) is None, f"{absent} is in the worker's environment"
for module in pkgutil.iter_modules(flows.__path__):
    importlib.import_module(f"flows.{module.name}")
    print(module.name)
"""
