"""What is known of the packages in a lock: uv asks OSV (osv.dev), npm its registry. Neither installs anything."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


class NotReached(Exception):
    """Nobody said that nothing is known."""


def all_of(root: Path) -> list[str]:
    listed = _run(["git", "ls-files", "--", "*uv.lock", "*package-lock.json"], root)
    return sorted(listed.stdout.split())


def known(root: Path, lock: str, service: str | None) -> list[Advisory]:
    folder = (root / lock).parent
    ask = _of_uv if lock.endswith("uv.lock") else _of_npm
    return sorted(ask(lock, folder, service), key=str)


def _of_uv(lock: str, folder: Path, service: str | None) -> Iterator[Advisory]:
    command = [str(_UV), "audit", "--quiet", "--frozen", "--project", str(folder), "--output-format", "json"]
    command += ["--preview-features", "audit-command,json-output"]
    answer = _answer(_run([*command, *(["--service-url", service] if service else [])], folder))
    for entry in answer["vulnerabilities"]:
        yield Advisory(
            lock, entry["dependency"]["name"], frozenset([entry["id"], *entry["aliases"]]), entry["link"]
        )


def _of_npm(lock: str, folder: Path, _: str | None) -> Iterator[Advisory]:
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
