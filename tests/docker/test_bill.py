"""The image's bill, written as its build writes it: by the real uv from the locks, and by a dpkg that lists three."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).parent / "uv"
LISTED = (
    "libc6:amd64\t2.36-9+deb12u10\tamd64\tinstalled\n"
    "zlib1g\t1:1.2.13.dfsg-1\tamd64\tinstalled\n"
    "gone\t1\tall\tconfig-files\n"
)


@pytest.fixture(scope="module")
def locks(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("bills")
    wanted = {
        "worker": ["--no-default-groups", "--only-group", "worker"],
        "dbt": ["--project", "warehouse/dbt/environment"],
    }
    for name, options in wanted.items():
        target = ["--preview", "--format", "cyclonedx1.5", "--output-file", folder / f"{name}.json"]
        subprocess.run([UV, "export", "--frozen", "--quiet", *options, *target], cwd=ROOT, check=True)
    return [folder / f"{name}.json" for name in wanted]


def _bill(locks: list[Path], folder: Path) -> dict[str, Any]:
    dpkg = folder / "dpkg-query"
    dpkg.write_text(f"#!/bin/sh\nprintf '{LISTED}'\n")
    dpkg.chmod(0o755)
    done = subprocess.run(
        [sys.executable, ROOT / "docker" / "bill.py", *locks],
        env={"PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    bill: dict[str, Any] = json.loads(done.stdout)
    return bill


def test_it_has_both_environments_python_and_debian(locks: list[Path], tmp_path: Path) -> None:
    components = {c["purl"].partition("?")[0]: c for c in _bill(locks, tmp_path)["components"]}
    assert {"pkg:pypi/prefect@3.8.8", "pkg:pypi/dbt-snowflake@1.12.4"} <= components.keys()
    assert f"pkg:generic/python@{'.'.join(map(str, sys.version_info[:3]))}" in components
    debian = {purl: c for purl, c in components.items() if purl.startswith("pkg:deb/")}
    assert {purl: c["version"] for purl, c in debian.items()} == {
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u10": "2.36-9+deb12u10",
        "pkg:deb/debian/zlib1g@1:1.2.13.dfsg-1": "1:1.2.13.dfsg-1",
    }
    assert all(c["purl"].partition("?")[2].startswith("arch=amd64&distro=debian-") for c in debian.values())


def test_a_reference_means_one_component(locks: list[Path], tmp_path: Path) -> None:
    bill = _bill(locks, tmp_path)
    known = [c["bom-ref"] for c in bill["components"]]
    assert len(known) == len(set(known)) > 150
    needed = {other for entry in bill["dependencies"] for other in entry["dependsOn"]}
    assert needed <= set(known)


def test_the_same_packages_give_the_same_bill(locks: list[Path], tmp_path: Path) -> None:
    changed = [tmp_path / path.name for path in locks]
    for path, copy in zip(locks, changed, strict=True):
        content = json.loads(path.read_text())
        content["serialNumber"], content["metadata"]["timestamp"] = "urn:uuid:other", "2099-01-01T00:00:00Z"
        copy.write_text(json.dumps(content))
    assert _bill(locks, tmp_path) == _bill(changed, tmp_path)
