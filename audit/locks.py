"""What is known of the packages in a lock: uv asks OSV (osv.dev), npm its registry. Neither installs anything.

Where OSV cannot be reached, PyPI is asked for the page of each package.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit import package_index

_UV = Path(sys.executable).parent / "uv"


@dataclass(frozen=True)
class Advisory:
    lock: str
    package: str
    ids: frozenset[str]
    """The same advisory has a name with each who published it."""
    link: str

    def __str__(self) -> str:
        return f"{self.lock}: {self.package}: {', '.join(sorted(self.ids))} {self.link}"


@dataclass(frozen=True)
class Services:
    """Who is asked."""

    osv: str | None
    index: str


@dataclass(frozen=True)
class Known:
    advisories: list[Advisory]
    unasked: str = ""
    """Of which packages nobody could say anything, and why."""


class NotReached(Exception):
    """Nobody said that nothing is known."""


def all_of(root: Path) -> list[str]:
    listed = _run(["git", "ls-files", "--", "*uv.lock", "*package-lock.json"], root)
    return sorted(listed.stdout.split())


def known(root: Path, lock: str, services: Services) -> Known:
    folder = (root / lock).parent
    npm = lock.endswith("package-lock.json")
    try:
        found = _of_npm(lock, folder) if npm else _of_uv(lock, folder, services.osv)
        return Known(sorted(found, key=str))
    except NotReached as reason:
        unreached = f"the advisories could not be reached: {reason}"
        return Known([], unreached) if npm else _of_index(root, lock, services.index, unreached)


def _of_uv(lock: str, folder: Path, service: str | None) -> Iterator[Advisory]:
    command = [str(_UV), "audit", "--quiet", "--frozen", "--project", str(folder), "--output-format", "json"]
    command += ["--preview-features", "audit-command,json-output"]
    answer = _answer(_run([*command, *(["--service-url", service] if service else [])], folder))
    for entry in answer["vulnerabilities"]:
        yield Advisory(
            lock, entry["dependency"]["name"], frozenset([entry["id"], *entry["aliases"]]), entry["link"]
        )


def _of_index(root: Path, lock: str, index: str, unreached: str) -> Known:
    pages = list(package_index.pages(package_index.pins(root / lock), index))
    advisories = [
        Advisory(
            lock, page.pin.name, frozenset([each["id"], *(each.get("aliases") or [])]), each.get("link") or ""
        )
        for page in pages
        for each in page.vulnerabilities or []
    ]
    unasked = [str(page.pin) for page in pages if page.vulnerabilities is None]
    why = f"{len(unasked)} of {len(pages)} packages ({unreached}; PyPI told nothing): {', '.join(unasked)}"
    return Known(sorted(advisories, key=str), why if unasked else "")


def _of_npm(lock: str, folder: Path) -> Iterator[Advisory]:
    if shutil.which("npm") is None:
        raise NotReached("there is no npm")
    answer = _answer(_run(["npm", "audit", "--package-lock-only", "--json"], folder))
    for package, entry in answer["vulnerabilities"].items():
        for via in entry["via"]:
            if isinstance(via, dict):  # otherwise it names another package that has the advisory
                yield Advisory(lock, package, frozenset([via["url"].rpartition("/")[2]]), via["url"])


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603


def _answer(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Both end with 1 when they found something, and npm also when it could not ask."""
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        answer = {}
    if "vulnerabilities" not in answer:
        said = answer.get("message") or done.stderr or "no answer"
        raise NotReached(" ".join(str(said).split()))
    return answer
