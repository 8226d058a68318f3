"""docs/parity.md names the test that pins each deviation: every one of them is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_NAMED = re.compile(r"`(?P<file>[\w/.]*test_\w+\.py)?(?P<tests>(?:::\w+)*)`")


def named() -> list[tuple[str, tuple[str, ...]]]:
    """A test without a file is of the file that was named last."""
    found, file = [], ""
    for match in _NAMED.finditer((ROOT / "docs/parity.md").read_text()):
        file = match["file"] or file
        if match["file"] or match["tests"]:
            found.append((file, tuple(match["tests"].split("::")[1:])))
    return found


def files_called(name: str) -> list[Path]:
    return [
        path
        for folder in ("tests", "infra/cdk/tests")
        for path in (ROOT / folder).rglob("test_*.py")
        if str(path.relative_to(ROOT)).endswith(f"/{name}") or str(path.relative_to(ROOT)) == name
    ]


@pytest.mark.parametrize(("file", "tests"), sorted(set(named())))
def test_a_named_test_exists(file: str, tests: tuple[str, ...]) -> None:
    texts = [path.read_text() for path in files_called(file)]
    assert texts, f"docs/parity.md names {file}, which is not there"
    for test in tests:
        defined = re.compile(rf"^\s*(?:(?:async )?def|class) {test}\b", re.MULTILINE)
        assert any(defined.search(text) for text in texts), (
            f"docs/parity.md names {file}::{test}, which is not there"
        )


def test_names_are_found_at_all() -> None:
    assert len(named()) > 60
