"""The audit of locks, with the real uv and npm and a stand-in for the services that know the advisories."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from audit import locks
from audit.__main__ import ROOT, main
from audit.exceptions import Explained

ID, OTHER_NAME, NPM_ID = "PYSEC-2099-1", "CVE-2099-1", "GHSA-aaaa-bbbb-cccc"
LOCK = """version = 1
requires-python = ">=3.11"

[[package]]
name = "broken"
version = "1.0"
source = { registry = "https://pypi.org/simple" }

[[package]]
name = "project"
version = "0.1"
source = { virtual = "." }
dependencies = [{ name = "broken" }]

[package.metadata]
requires-dist = [{ name = "broken" }]
"""
PROJECT = (
    '[project]\nname = "project"\nversion = "0.1"\nrequires-python = ">=3.11"\ndependencies = ["broken"]\n'
)
NPM_LOCK = {
    "name": "p",
    "lockfileVersion": 3,
    "packages": {
        "": {"name": "p", "dependencies": {"left": "1.0.0"}},
        "node_modules/left": {"version": "1.0.0"},
    },
}


class Advisories(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        asked = self.rfile.read(length)
        if self.path.endswith("/querybatch"):
            queries = json.loads(asked)["queries"]
            self._answer({"results": [_vulnerabilities(query) for query in queries]})
        elif self.path.endswith("/advisories/bulk"):
            known = {
                "id": 1,
                "url": f"https://github.com/advisories/{NPM_ID}",
                "title": "broken",
                "severity": "high",
            }
            self._answer(
                {"left": [known | {"vulnerable_versions": "<2.0.0", "cwe": [], "cvss": {"score": 9}}]}
            )

    def do_GET(self) -> None:
        if self.path.endswith(f"/vulns/{ID}"):
            self._answer(
                {"id": ID, "aliases": [OTHER_NAME], "modified": "2099-01-01T00:00:00Z", "affected": []}
            )
        elif self.path == "/left":
            versions = {"1.0.0": {"name": "left", "version": "1.0.0"}}
            self._answer({"name": "left", "dist-tags": {"latest": "1.0.0"}, "versions": versions})
        elif self.path == "/pypi/broken/json":
            page = {"id": ID, "aliases": [OTHER_NAME], "link": "https://osv.dev", "withdrawn": None}
            withdrawn = page | {"id": "PYSEC-2099-9", "withdrawn": "2099-01-02T00:00:00Z"}
            self._answer({"info": {"version": "1.0"}, "vulnerabilities": [page, withdrawn]})
        elif self.path.startswith("/mirror/pypi/broken"):  # one that knows of no vulnerabilities
            self._answer({"info": {"version": "1.0"}})
        elif self.path.startswith("/odd/pypi/broken"):
            self._answer(["nothing here"])
        elif self.path.startswith("/cut/pypi/broken"):
            self._answer({"info": {"version": "1.0"}}, more=10)
        else:
            self.send_error(404)

    def _answer(self, content: object, more: int = 0) -> None:
        """`more` is how much shorter the body is than it says."""
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body) + more))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def _vulnerabilities(query: dict[str, Any]) -> dict[str, Any]:
    broken = query["package"]["name"] == "broken" and query["version"] == "1.0"
    return {"vulns": [{"id": ID, "modified": "2099-01-01T00:00:00Z"}]} if broken else {}


@pytest.fixture(autouse=True)
def asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")


@pytest.fixture
def service() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Advisories)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "uv.lock").write_text(LOCK)
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "exceptions.toml").write_text("")
    _track(tmp_path)
    return tmp_path


def _track(repository: Path) -> None:
    for arguments in (("init", "-q"), ("add", "-A")):
        subprocess.run(["git", *arguments], cwd=repository, check=True)


def _explain(repository: Path, *, until: str = "2999-01-01", name: str = ID, package: str = "broken") -> None:
    (repository / "audit" / "exceptions.toml").write_text(
        f'[[exception]]\nid = "{name}"\npackage = "{package}"\nreason = "not called"\nuntil = {until}\n'
    )


def test_an_advisory_is_found(repository: Path, service: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--service", service], repository) == 1
    assert f"uv.lock: broken: {OTHER_NAME}, {ID} " in capsys.readouterr().err


@pytest.mark.parametrize("name", [ID, OTHER_NAME])
def test_an_explained_one_is_lived_with(repository: Path, service: str, name: str) -> None:
    _explain(repository, name=name)
    assert main(["--service", service], repository) == 0


@pytest.mark.parametrize(
    ("explained", "said"),
    [
        ({"until": "2020-01-01"}, "its exception ended on 2020-01-01"),
        ({"package": "other"}, f"{ID} of other is in no lock any more"),
        ({"name": "PYSEC-2099-2"}, "PYSEC-2099-2 of broken is in no lock any more"),
    ],
)
def test_an_explanation_ends(
    repository: Path, service: str, capsys: pytest.CaptureFixture[str], explained: dict[str, str], said: str
) -> None:
    _explain(repository, **explained)
    assert main(["--service", service], repository) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("ecosystem", "name"), [("uv", "uv.lock"), ("npm", "package-lock.json")])
def test_every_lock_is_renewed(ecosystem: str, name: str) -> None:
    """Dependabot looks at the folders that it is told, and at no other."""
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())["updates"]
    (update,) = [each for each in updates if each["package-ecosystem"] == ecosystem]
    told = update.get("directories") or [update["directory"]]
    there = [Path(lock) for lock in locks.all_of(ROOT) if Path(lock).name == name]
    assert sorted(told) == sorted(f"/{lock.parent}".removesuffix(".") for lock in there)


def test_an_explanation_has_a_reason() -> None:
    with pytest.raises(ValueError, match="has no reason"):
        Explained(ID, "broken", " ", until=date(2999, 1, 1))


NOBODY = "http://127.0.0.1:9"


def test_not_to_know_is_not_to_be_safe(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--service", NOBODY, "--index", NOBODY], repository) == 3
    said = capsys.readouterr().err
    assert "NOT AUDITED: uv.lock: 1 of 1 packages (the advisories could not be reached: " in said
    assert "PyPI told nothing): broken 1.0\n" in said


def test_pypi_is_asked_where_osv_is_not_reached(
    repository: Path, service: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--service", NOBODY, "--index", service]
    assert main(asked, repository) == 1
    said = capsys.readouterr()
    assert f"uv.lock: broken: {OTHER_NAME}, {ID} " in said.err
    assert "uv.lock: 1 known" in said.out
    _explain(repository)
    assert main(asked, repository) == 0


@pytest.mark.parametrize("mirror", ["mirror", "odd", "cut"])
def test_a_page_that_is_not_pypis_says_nothing(
    repository: Path, service: str, capsys: pytest.CaptureFixture[str], mirror: str
) -> None:
    assert main(["--service", NOBODY, "--index", f"{service}/{mirror}"], repository) == 3
    assert "PyPI told nothing): broken 1.0" in capsys.readouterr().err


def test_a_page_of_another_version_says_nothing(
    repository: Path, service: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository / "uv.lock").write_text(LOCK.replace("1.0", "1.1"))
    assert main(["--service", NOBODY, "--index", service], repository) == 3
    assert "PyPI told nothing): broken 1.1" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("npm") is None, reason="no npm here")
def test_npm_is_asked_for_its_own_lock(
    repository: Path, service: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository / "cdk").mkdir()
    (repository / "cdk" / "package-lock.json").write_text(json.dumps(NPM_LOCK))
    (repository / "cdk" / "package.json").write_text('{"name": "p", "dependencies": {"left": "1.0.0"}}')
    (repository / "cdk" / ".npmrc").write_text(f"registry={service}/\n")
    _track(repository)
    _explain(repository)
    assert main(["--service", service], repository) == 1
    assert f"cdk/package-lock.json: left: {NPM_ID} " in capsys.readouterr().err
