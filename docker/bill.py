"""Run while the image is built: one bill of what is in it, as CycloneDX, from the bills that uv writes of its locks.

    python3 bill.py worker.json dbt.json > sbom.cdx.json

What uv does not know is added: Python itself, and Debian's packages as dpkg lists them. Neither the hour nor a random number
is in it: the same packages give the same bill.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

_LISTED = "${binary:Package}\t${Version}\t${Architecture}\t${db:Status-Status}\n"
_Component = dict[str, Any]


def bill(paths: list[Path], debian_release: str) -> dict[str, Any]:
    bills = [json.loads(path.read_text()) for path in paths]
    whole: dict[str, Any] = {**bills[0], "components": [], "dependencies": []}
    del whole["serialNumber"], whole["metadata"]["timestamp"], whole["metadata"]["component"]
    for path, content in zip(paths, bills, strict=True):
        # uv numbers its references anew in each bill.
        here = f"{path.stem}/"
        whole["components"] += [{**c, "bom-ref": here + c["bom-ref"]} for c in content["components"]]
        whole["dependencies"] += [
            {"ref": here + entry["ref"], "dependsOn": [here + other for other in entry.get("dependsOn", [])]}
            for entry in content["dependencies"]
        ]
    whole["components"] += [_python(), *_debian(debian_release)]
    return whole


def _python() -> _Component:
    return _component("application", "python", platform.python_version(), "pkg:generic/python@{version}")


def _debian(release: str) -> Iterator[_Component]:
    command = ["dpkg-query", "--show", "--showformat", _LISTED]
    listed = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    for line in sorted(listed.stdout.splitlines()):
        name, version, architecture, status = line.split("\t")
        if status == "installed":
            name = name.partition(":")[0]
            purl = f"pkg:deb/debian/{quote(name)}@{{version}}?arch={architecture}&distro=debian-{release}"
            yield _component("library", name, version, purl)


def _component(kind: str, name: str, version: str, purl: str) -> _Component:
    where = purl.format(version=quote(version, safe=":"))
    return {"type": kind, "bom-ref": where, "name": name, "version": version, "purl": where}


if __name__ == "__main__":
    release = platform.freedesktop_os_release()["VERSION_ID"]
    json.dump(bill([Path(path) for path in sys.argv[1:]], release), sys.stdout, indent=1)
