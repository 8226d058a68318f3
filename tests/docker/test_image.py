"""The image, built by buildah from a Debian that is made here, and looked at from inside as its own user.

Docker's way of building it is not run here, where there is no daemon: test_dockerfile.py says how docker is called.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments import glue_code

ROOT = Path(__file__).parents[2]
BASE = "localhost/highwater-python:3.11"
IMAGE = "localhost/highwater-worker:test"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
MEGABYTE = 1024 * 1024
MISSING = ", ".join(program for program in ("buildah", "debootstrap") if not shutil.which(program))
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(
        bool(MISSING), reason=f"NOT DONE: the worker's image was not built here, there is no {MISSING}"
    ),
]


def run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def build(image: str) -> None:
    trust = ["--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro"]
    run("docker/build.sh", BASE, image, "--isolation", "chroot", *trust)


def layers(image: str) -> list[str]:
    """Digests of contents, owners, modes and dates; the configuration has a random name of the container that built it."""
    found: list[str] = json.loads(run("buildah", "inspect", "--type", "image", image))["Docker"]["rootfs"][
        "diff_ids"
    ]
    return found


@pytest.fixture(scope="module")
def container() -> Iterator[str]:
    run("tests/docker/local_base.sh", BASE)
    build(IMAGE)
    made = run("buildah", "from", IMAGE).strip()
    yield made
    run("buildah", "rm", made)


def inside(container: str, *command: str) -> str:
    return run("buildah", "run", "--isolation", "chroot", container, "--", *command)


def test_prefect_and_every_flow_work_as_the_images_user(container: str) -> None:
    assert inside(container, "id", "-u").strip() == "10001"
    assert "3.8.8" in inside(container, "prefect", "version")
    flows = {path.stem for path in (ROOT / "flows").glob("*.py")} - {"__init__"}
    script = (
        "import importlib, pkgutil, flows\n"
        "for m in pkgutil.iter_modules(flows.__path__): importlib.import_module('flows.' + m.name); print(m.name)"
    )
    assert set(inside(container, "python", "-c", script).split()) == flows


def test_it_has_the_code_of_glues_jobs_in_the_same_version(container: str) -> None:
    script = "from deployments import glue_code; print(glue_code.version())"
    assert inside(container, "python", "-c", script).strip() == glue_code.version()


def test_the_same_commit_and_base_give_the_same_image(container: str) -> None:
    again = f"{IMAGE}-again"
    build(again)
    try:
        assert layers(again) == layers(IMAGE)
    finally:
        run("buildah", "rmi", again)


def test_nothing_in_it_builds_installs_or_may_be_written(container: str) -> None:
    found = inside(
        container,
        "sh",
        "-c",
        "command -v pip pip3 uv gcc cc make git curl; python -c 'import pip' 2>&1 | tail -1; "
        "touch /opt/highwater/x 2>&1; true",
    )
    assert "No module named 'pip'" in found
    assert "/bin/" not in found
    assert "ermission denied" in found


def test_it_says_what_is_in_it_and_from_which_commit(container: str) -> None:
    bill = json.loads(inside(container, "cat", "/opt/highwater/sbom.cdx.json"))
    components = {component["name"]: component["version"] for component in bill["components"]}
    assert components["prefect"] == "3.8.8"
    assert components["dbt-snowflake"] == "1.12.4"
    installed = inside(container, "dpkg-query", "--show", "--showformat", "${Package}=${Version}\n").split()
    assert installed
    assert set(installed) <= {f"{name}={version}" for name, version in components.items()}
    assert not {"pyspark", "xgboost", "moto"} & components.keys()
    about = json.loads(run("buildah", "inspect", "--type", "image", IMAGE))["Docker"]
    assert (about["os"], about["architecture"]) == ("linux", "amd64")
    commit = run("git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*").strip()
    (config,) = [json.loads(run("buildah", "inspect", "--type", "image", IMAGE))["Docker"]["config"]]
    assert config["Labels"]["org.opencontainers.image.revision"] == commit
    assert f"HIGHWATER_CODE_VERSION={commit}" in config["Env"]
    assert config["User"] == "10001:10001"


def test_it_is_as_large_as_the_documents_say(container: str) -> None:
    size = int(inside(container, "du", "-sm", "/opt/highwater").split()[0])
    (said,) = re.findall(r"(\d+) MB of locked packages", (ROOT / "docs" / "operate.md").read_text())
    assert int(said) - 30 < size <= int(said)


def test_only_its_tmp_is_written_to(container: str) -> None:
    """As ECS runs it: all else is read-only there, and a volume is as the image made its place."""
    (config,) = [json.loads(run("buildah", "inspect", "--type", "image", IMAGE))["Docker"]["config"]]
    assert set(config["Volumes"]) == {"/tmp"}
    elsewhere = " ".join(f"-not -path '{path}*'" for path in ("/tmp", "/proc/", "/dev", "/sys/"))
    looked = f"find / -xdev -writable -not -type l {elsewhere} 2>/dev/null; true"
    found = inside(container, "sh", "-c", looked)
    # Debian's own places for everybody; nothing of ours looks at them.
    assert set(found.split()) <= {"/var/tmp", "/run/lock"}
