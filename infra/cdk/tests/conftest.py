"""One synthesis of each shape of the account, held against AwsSolutions on the way, for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from highwater_infra.account import account
from highwater_infra.environments import DEV, PRIVATE, PROD, Environment
from highwater_infra.snapshot import templates


class Template:
    """A synthesized template, asked in the words of CloudFormation."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content

    def all(self, kind: str) -> Iterator[dict[str, Any]]:
        for resource in self.content["Resources"].values():
            if resource["Type"] == kind:
                yield resource

    def properties(self, kind: str) -> list[dict[str, Any]]:
        return [resource.get("Properties", {}) for resource in self.all(kind)]

    def one(self, kind: str, **wanted: Any) -> dict[str, Any]:
        found = [
            p for p in self.properties(kind) if all(p.get(name) == value for name, value in wanted.items())
        ]
        assert len(found) == 1, f"{len(found)} of {kind} with {wanted}"
        return found[0]


Templates = dict[str, Template]


def _synthesized(environment: Environment, directory: Path) -> Templates:
    account(environment, str(directory)).app.synth()
    return {name: Template(content) for name, content in templates(directory).items()}


@pytest.fixture(scope="session")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return _synthesized(PROD, tmp_path_factory.mktemp("prod"))


@pytest.fixture(scope="session")
def private(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return _synthesized(PRIVATE, tmp_path_factory.mktemp("private"))


@pytest.fixture(scope="session")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return _synthesized(DEV, tmp_path_factory.mktemp("dev"))
